#include "server/connection_acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "server/listening_sockets.h"

namespace elmo {
namespace {

// Counting looks at every connection: not for each one that is refused.
constexpr std::chrono::milliseconds kCountInterval(50);
constexpr std::chrono::seconds kTidyInterval(10);
// For the listener to breathe while the process has no descriptor left.
constexpr int kPauseMs = 20;
// How often we look whether somebody who waits may come in.
constexpr int kWaitMs = 20;
// Nobody says more before the server has greeted it, but a flood.
constexpr int64_t kMuch = 8 << 10;
// Threads that hand connections to gRPC.
constexpr int kPorters = 2;

// What epoll knows a descriptor by, where it is no connection.
constexpr int64_t kWake = -1;
constexpr int64_t kListener = -2;  // Less the descriptor.

// Some are left for files and gRPC itself.
int AffordableConnections(int reserved) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 100;
  const auto all =
      static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 30));
  return static_cast<int>(std::max<int64_t>(all - all / 8 - 40 - reserved, 1));
}

ConnectionWatch::Options WatchOptions(
    const ConnectionAcceptor::Options& options) {
  ConnectionWatch::Options watch;
  watch.max_message_bytes = options.max_message_bytes;
  watch.max_calls = options.max_calls;
  return watch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(
    const std::string& address, const Options& options) {
  Options affordable = options;
  affordable.max_connections =
      std::min(options.max_connections,
               AffordableConnections(options.reserved_descriptors));
  std::unique_ptr<ConnectionAcceptor> acceptor(
      new ConnectionAcceptor(affordable));
  absl::Status status;
  if (acceptor->wake_ < 0 || acceptor->events_ < 0) {
    status = absl::UnavailableError(std::strerror(errno));
  } else {
    absl::StatusOr<ListeningSockets> sockets =
        ListenOn(address, options.guard ? ConnectionWatch::kFirstWindow : 0);
    if (sockets.ok()) {
      acceptor->listeners_ = std::move(sockets->descriptors);
      acceptor->port_ = sockets->port;
      return acceptor;
    }
    status = sockets.status();
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", status.message()));
}

ConnectionAcceptor::ConnectionAcceptor(const Options& options)
    : options_(options),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(epoll_create1(EPOLL_CLOEXEC)),
      watch_(WatchOptions(options), events_, &open_calls_, &penalties_) {}

ConnectionAcceptor::~ConnectionAcceptor() {
  Stop();
  if (wake_ >= 0) close(wake_);
  if (events_ >= 0) close(events_);
}

void ConnectionAcceptor::Start(
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc) {
  grpc_ = std::move(grpc);
  for (int i = 0; i < kPorters; ++i) {
    porters_.emplace_back([this] { Carry(); });
  }
  thread_ = std::thread([this] { Loop(); });
}

void ConnectionAcceptor::Stop() {
  {
    MutexLock lock(&carry_mu_);
    stopping_ = true;
    to_carry_.NotifyAll();
  }
  // Before the watch, which frees them of floods.
  for (std::thread& porter : porters_) porter.join();
  porters_.clear();
  if (thread_.joinable()) {
    ELMO_CHECK(eventfd_write(wake_, 1) == 0);
    thread_.join();
  }
  {
    MutexLock lock(&carry_mu_);
    for (const auto& [listener, connection] : carried_) close(connection);
    carried_.clear();
  }
  for (const int listener : listeners_) close(listener);
  listeners_.clear();
  grpc_.reset();
  MutexLock lock(&mu_);
  for (auto it = places_.begin(); it != places_.end();) {
    if (it->second.waits) close(it->second.connection.descriptor);
    it = it->second.waits ? places_.erase(it) : std::next(it);
  }
}

void ConnectionAcceptor::AddEvent(int descriptor, int64_t id) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<uint64_t>(id);
  ELMO_CHECK(epoll_ctl(events_, EPOLL_CTL_ADD, descriptor, &event) == 0);
}

void ConnectionAcceptor::Loop() {
  AddEvent(wake_, kWake);
  for (const int listener : listeners_) {
    AddEvent(listener, kListener - listener);
  }
  epoll_event events[64];
  int timeout = -1;
  for (;;) {
    const int count = epoll_wait(events_, events, std::size(events), timeout);
    for (int i = 0; i < count; ++i) {
      const auto id = static_cast<int64_t>(events[i].data.u64);
      if (id == kWake) return;
      if (id <= kListener) {
        Accept(static_cast<int>(kListener - id));
      } else {
        watch_.Wake(id);
      }
    }
    const TimePoint now = std::chrono::steady_clock::now();
    const TimePoint next = watch_.Look(now);
    LetInWaiting(now);
    timeout = penalties_.waiting() > 0 ? kWaitMs : -1;
    if (next != TimePoint::max()) {
      timeout = static_cast<int>(
          std::chrono::ceil<std::chrono::milliseconds>(next - now).count());
    }
  }
}

void ConnectionAcceptor::Accept(int listener) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  const int descriptor = accept4(listener, reinterpret_cast<sockaddr*>(&peer),
                                 &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) {
    const bool exhausted = errno == EMFILE || errno == ENFILE ||
                           errno == ENOBUFS || errno == ENOMEM;
    pollfd wake = {wake_, POLLIN, 0};
    if (exhausted) poll(&wake, 1, kPauseMs);
    return;
  }
  // Frames are written whole; waiting for more only delays them.
  SetSocketOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  Place place;
  place.connection = TcpConnection::Of(descriptor, peer);
  place.listener = listener;
  int64_t id = 0;
  if (!TakePlace(std::move(place), &id)) {
    close(descriptor);
    return;
  }
  if (Ask(id) == Penalties::Entry::kNow) HandOver(id);
}

bool ConnectionAcceptor::TakePlace(Place place, int64_t* id) {
  MutexLock lock(&mu_);
  const auto is_full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return static_cast<int>(places_.size()) >= options_.max_connections;
  };
  const auto passed = std::chrono::steady_clock::now() - counted_;
  // Some in the table may have ended.
  if (passed >= (is_full() ? kCountInterval : kTidyInterval)) CountOpen();
  if (is_full()) {
    ++refused_;
    return false;
  }
  *id = next_id_++;
  places_[*id] = std::move(place);
  return true;
}

Penalties::Entry ConnectionAcceptor::Ask(int64_t id) {
  if (!options_.guard) return Penalties::Entry::kNow;
  const TimePoint now = std::chrono::steady_clock::now();
  MutexLock lock(&mu_);
  Place& place = places_[id];
  const Penalties::Entry entry =
      penalties_.Arrive(place.connection.machine, id, now);
  if (entry == Penalties::Entry::kLater) {
    place.waits = true;
    ++delayed_;
  } else if (entry == Penalties::Entry::kNever) {
    close(place.connection.descriptor);
    places_.erase(id);
    ++refused_;
  }
  return entry;
}

void ConnectionAcceptor::LetInWaiting(TimePoint now) {
  while (const std::optional<int64_t> id = penalties_.Next(now)) {
    bool gone = false;
    {
      MutexLock lock(&mu_);
      Place& place = places_[*id];
      place.waits = false;
      const auto received = place.connection.ReadReceived();
      gone = !received.has_value() || received->unread > kMuch;
      if (gone) {
        penalties_.GiveTurnBack(place.connection.machine, now);
        close(place.connection.descriptor);
        places_.erase(*id);
      }
    }
    if (!gone) HandOver(*id);
  }
}

void ConnectionAcceptor::HandOver(int64_t id) {
  Place place;
  {
    MutexLock lock(&mu_);
    place = places_[id];
  }
  if (options_.guard) {
    watch_.Add(id, place.connection, std::chrono::steady_clock::now());
  }
  MutexLock lock(&carry_mu_);
  carried_.emplace_back(place.listener, place.connection.descriptor);
  to_carry_.NotifyOne();
}

void ConnectionAcceptor::Carry() {
  for (;;) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
        parameters;
    {
      MutexLock lock(&carry_mu_);
      while (carried_.empty() && !stopping_) to_carry_.Wait(&carry_mu_);
      if (carried_.empty()) return;
      parameters.listener_fd = carried_.front().first;
      parameters.fd = carried_.front().second;
      carried_.pop_front();
    }
    grpc_->HandleNewConnection(&parameters);
  }
}

void ConnectionAcceptor::CountOpen() {
  for (auto it = places_.begin(); it != places_.end();) {
    it = it->second.connection.IsOpen() ? std::next(it) : places_.erase(it);
  }
  counted_ = std::chrono::steady_clock::now();
}

int ConnectionAcceptor::connections() {
  MutexLock lock(&mu_);
  CountOpen();
  return static_cast<int>(places_.size());
}

std::optional<TcpConnection> ConnectionAcceptor::Find(
    const std::string& peer) const {
  MutexLock lock(&mu_);
  for (const auto& [id, place] : places_) {
    // An old one of this name may still be in the table.
    if (place.connection.peer == peer && place.connection.IsOpen()) {
      return place.connection;
    }
  }
  return std::nullopt;
}

ConnectionAcceptor::Stats ConnectionAcceptor::stats() const {
  Stats stats;
  stats.closed_for_resets = watch_.closed_for_resets();
  stats.closed_for_frames = watch_.closed_for_frames();
  MutexLock lock(&mu_);
  stats.refused = refused_;
  stats.delayed = delayed_;
  return stats;
}

}  // namespace elmo
