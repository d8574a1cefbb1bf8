#include "server/connection_acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "server/logs/log_event.h"

namespace elmo {
namespace {

// Counting looks at every connection: not for each one that is refused.
constexpr std::chrono::milliseconds kCountInterval(50);
constexpr std::chrono::seconds kTidyInterval(10);
// For the listener to breathe while the process has no descriptor left.
constexpr int kPauseMs = 20;

// More than one says before it is greeted, or without a call.
constexpr int64_t kMuch = 32 << 10;
// What may be under way on a connection that has not been answered once. What
// gRPC has read it works off, also when the connection is closed meanwhile: the
// system's own windows, of some MB, hold ten thousand calls.
constexpr int kFirstWindow = 64 << 10;
constexpr int kAnyWindow = 1 << 30;
// Threads that hand connections to gRPC.
constexpr int kPorters = 2;

// What epoll knows a descriptor by, where it is no connection.
constexpr int64_t kWake = -1;
constexpr int64_t kListener = -2;  // Less the descriptor.
// Once, until we ask again: a busy connection costs no more than the looks.
constexpr uint32_t kActivity = EPOLLIN | EPOLLONESHOT;

// How often connections that send are looked at: a flood of calls makes some
// hundred in so long, each of 40 KB until it is let go of.
constexpr int kLookMs = 4;
constexpr std::chrono::milliseconds kLookOften(kLookMs);
constexpr std::chrono::milliseconds kLookRarely(20);
// And how often whether somebody who waits may come in.
constexpr int kWaitMs = 20;
// A flood must not fill the log.
constexpr std::chrono::seconds kTellEvery(1);
// TCP_ESTABLISHED; the system's two headers on TCP exclude each other.
constexpr int kEstablished = 1;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// HOST:PORT or [HOST]:PORT, whose form was checked with the options.
absl::StatusOr<AddressList> Resolve(absl::string_view address) {
  const size_t colon = address.rfind(':');
  std::string host(address.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string port(address.substr(colon + 1));
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host == "*" ? nullptr : host.c_str(),
                                port.c_str(), &hints, &found);
  if (error == 0) return AddressList(found, &freeaddrinfo);
  return absl::UnavailableError(gai_strerror(error));
}

void Switch(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof(value));
}

void SetWindow(int socket, int bytes) {
  Switch(socket, IPPROTO_TCP, TCP_WINDOW_CLAMP, bytes);
}

void SetPort(sockaddr* address, int port) {
  const auto number = htons(static_cast<uint16_t>(port));
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = number;
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = number;
  }
}

int PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

// A listening socket, or -1 with errno. A socket of IPv6 takes IPv4 as well
// where its address means everything.
int ListenOn(const addrinfo& info) {
  const int listener =
      socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return -1;
  Switch(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  if (info.ai_family == AF_INET6)
    Switch(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(listener, info.ai_addr, info.ai_addrlen) == 0 &&
      listen(listener, SOMAXCONN) == 0) {
    return listener;
  }
  const int error = errno;
  close(listener);
  errno = error;
  return -1;
}

// Some are left for files, the probes' port and gRPC itself.
int AffordableConnections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 100;
  const auto all =
      static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 30));
  return static_cast<int>(std::max<int64_t>(all - all / 8 - 40, 1));
}

ino_t SocketOf(int descriptor) {
  struct stat info {};
  return fstat(descriptor, &info) == 0 ? info.st_ino : 0;
}

// The other end: gRPC's name for it, and the address alone. Of IPv6 the first
// 64 bits, which one site has to itself.
void Describe(const sockaddr_storage& peer, std::string* name,
              std::string* address) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&peer);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&peer);
  if (peer.ss_family == AF_INET) {
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
  } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    *name = absl::StrCat("ipv6:%5B", text, "%5D:", ntohs(v6->sin6_port));
    address->assign(reinterpret_cast<const char*>(&v6->sin6_addr), 8);
    return;
  }
  *name = absl::StrCat("ipv4:", text, ":", ntohs(v4->sin_port));
  *address = text;
}

// What gRPC has read, and what it has not; -1 where the connection is not open.
int64_t BytesRead(int connection, int64_t* not_read) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  int unread = 0;
  if (getsockopt(connection, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      info.tcpi_state != kEstablished || ioctl(connection, FIONREAD, &unread)) {
    return -1;
  }
  *not_read = unread;
  return static_cast<int64_t>(info.tcpi_bytes_received) - unread;
}

// Ends a connection for both sides at once, what is not read included.
void Disconnect(int descriptor, ino_t socket) {
  // gRPC may close it at any time, and the number be somebody else's: only a
  // copy is sure to be the one that was checked.
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  if (SocketOf(copy) == socket) {
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    if (connect(copy, &none, sizeof(none)) != 0) shutdown(copy, SHUT_RDWR);
  }
  close(copy);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(
    const std::string& address, const Options& options) {
  std::unique_ptr<ConnectionAcceptor> acceptor(new ConnectionAcceptor(options));
  acceptor->options_.max_connections =
      std::min(options.max_connections, AffordableConnections());
  const absl::Status bound = acceptor->Bind(address);
  if (bound.ok()) return acceptor;
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", bound.message()));
}

absl::Status ConnectionAcceptor::Bind(const std::string& address) {
  if (wake_ < 0) wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (events_ < 0) events_ = epoll_create1(EPOLL_CLOEXEC);
  if (wake_ < 0 || events_ < 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  absl::StatusOr<AddressList> found = Resolve(address);
  if (!found.ok()) return found.status();
  int error = 0;
  for (addrinfo* info = found->get(); info != nullptr; info = info->ai_next) {
    // One port for all addresses of the host.
    if (port_ != 0) SetPort(info->ai_addr, port_);
    const int listener = ListenOn(*info);
    if (listener < 0) {
      error = errno;
      continue;
    }
    listeners_.push_back(listener);
    port_ = PortOf(listener);
  }
  // Where the system has no IPv6 at all, "everything" still is IPv4.
  if (listeners_.empty() && error == EAFNOSUPPORT &&
      absl::StartsWith(address, "[::]:")) {
    return Bind(absl::StrCat("0.0.0.0", address.substr(4)));
  }
  if (listeners_.empty()) return absl::UnavailableError(std::strerror(error));
  return absl::OkStatus();
}

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
  // Before the guard, which frees them of floods.
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
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (it->second.waits) close(it->second.descriptor);
    it = it->second.waits ? connections_.erase(it) : std::next(it);
  }
}

bool ConnectionAcceptor::Watch(int operation, int descriptor, uint32_t events,
                               int64_t id) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<uint64_t>(id);
  return epoll_ctl(events_, operation, descriptor, &event) == 0;
}

void ConnectionAcceptor::Loop() {
  ELMO_CHECK(Watch(EPOLL_CTL_ADD, wake_, EPOLLIN, kWake));
  for (const int listener : listeners_) {
    ELMO_CHECK(Watch(EPOLL_CTL_ADD, listener, EPOLLIN, kListener - listener));
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
        active_.push_back(id);
      }
    }
    const TimePoint now = std::chrono::steady_clock::now();
    const TimePoint next = LookAtActive(now);
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
  Connection connection;
  connection.descriptor = accept4(listener, reinterpret_cast<sockaddr*>(&peer),
                                  &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection.descriptor < 0) {
    const bool exhausted = errno == EMFILE || errno == ENFILE ||
                           errno == ENOBUFS || errno == ENOMEM;
    pollfd wake = {wake_, POLLIN, 0};
    if (exhausted) poll(&wake, 1, kPauseMs);
    return;
  }
  // Frames are written whole; waiting for more only delays them.
  Switch(connection.descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options_.guard) SetWindow(connection.descriptor, kFirstWindow);
  connection.listener = listener;
  connection.socket = SocketOf(connection.descriptor);
  Describe(peer, &connection.peer, &connection.address);
  const int descriptor = connection.descriptor;
  int64_t id = 0;
  if (!TakePlace(std::move(connection), &id)) {
    close(descriptor);
    return;
  }
  if (Ask(id) == Penalties::Entry::kNow) HandOver(id);
}

bool ConnectionAcceptor::TakePlace(Connection connection, int64_t* id) {
  MutexLock lock(&mu_);
  const auto is_full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return static_cast<int>(connections_.size()) >= options_.max_connections;
  };
  const auto passed = std::chrono::steady_clock::now() - counted_;
  // Some in the table may have ended.
  if (passed >= (is_full() ? kCountInterval : kTidyInterval)) CountOpen();
  if (is_full()) {
    ++stats_.refused;
    return false;
  }
  *id = next_id_++;
  connections_[*id] = std::move(connection);
  return true;
}

Penalties::Entry ConnectionAcceptor::Ask(int64_t id) {
  if (!options_.guard) return Penalties::Entry::kNow;
  const TimePoint now = std::chrono::steady_clock::now();
  MutexLock lock(&mu_);
  Connection& connection = connections_[id];
  const Penalties::Entry entry = penalties_.Arrive(connection.address, id, now);
  if (entry == Penalties::Entry::kLater) {
    connection.waits = true;
    ++stats_.delayed;
  } else if (entry == Penalties::Entry::kNever) {
    close(connection.descriptor);
    connections_.erase(id);
    ++stats_.refused;
  }
  return entry;
}

void ConnectionAcceptor::LetInWaiting(TimePoint now) {
  while (const std::optional<int64_t> id = penalties_.Next(now)) {
    bool gone = false;
    {
      MutexLock lock(&mu_);
      Connection& connection = connections_[*id];
      connection.waits = false;
      int64_t unread = 0;
      // Nobody says much before the server has greeted it, but a flood.
      gone = BytesRead(connection.descriptor, &unread) < 0 || unread > kMuch;
      if (gone) {
        penalties_.GiveTurnBack(connection.address, now);
        close(connection.descriptor);
        connections_.erase(*id);
      }
    }
    if (!gone) HandOver(*id);
  }
}

void ConnectionAcceptor::HandOver(int64_t id) {
  std::pair<int, int> connection;
  {
    MutexLock lock(&mu_);
    Connection& found = connections_[id];
    connection = {found.listener, found.descriptor};
    if (options_.guard) {
      const TimePoint now = std::chrono::steady_clock::now();
      ConnectionAccount::Limits limits;
      limits.message_bytes = options_.max_message_bytes;
      limits.open_calls = options_.max_calls;
      limits.strict = penalties_.IsStruck(found.address, now);
      found.account = std::make_unique<ConnectionAccount>(limits, now);
      // Without a guard rather than not at all.
      Watch(EPOLL_CTL_ADD, found.descriptor, kActivity, id);
    }
  }
  MutexLock lock(&carry_mu_);
  carried_.push_back(connection);
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

TimePoint ConnectionAcceptor::LookAtActive(TimePoint now) {
  TimePoint next = TimePoint::max();
  if (active_.empty()) return next;
  MutexLock lock(&mu_);
  size_t kept = 0;
  for (const int64_t id : active_) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    Connection& connection = found->second;
    if (now < connection.look_at || LookAt(&connection, now)) {
      active_[kept++] = id;
      next = std::min(next, connection.look_at);
    } else if (SocketOf(connection.descriptor) == connection.socket) {
      // A descriptor that is closed right now is no longer watched.
      Watch(EPOLL_CTL_MOD, connection.descriptor, kActivity, id);
    } else {
      Ended(connection, now);
      connections_.erase(found);
    }
  }
  active_.resize(kept);
  return next;
}

bool ConnectionAcceptor::LookAt(Connection* connection, TimePoint now) {
  if (SocketOf(connection->descriptor) != connection->socket) return false;
  int64_t unread = 0;
  const int64_t bytes = BytesRead(connection->descriptor, &unread);
  if (bytes < 0 || bytes == connection->use.bytes) {
    // While gRPC has not read all, nor seen the end, epoll would call at once.
    connection->look_at = now + kLookRarely;
    return bytes < 0 || unread > 0;
  }
  connection->use.bytes = bytes;
  connection->look_at = now + kLookOften;
  const bool was_served = connection->use.calls_answered > 0;
  // Not known yet: later.
  if (!figures_.Read(connection->peer, &connection->use)) return true;
  if (!was_served && connection->use.calls_answered > 0) {
    SetWindow(connection->descriptor, kAnyWindow);
  }
  const Abuse abuse = connection->account->Update(connection->use, now);
  if (abuse != Abuse::kNone) {
    Close(*connection, abuse, now);
  } else if (connection->account->trusted()) {
    connection->look_at = now + kLookRarely;
  }
  return true;
}

void ConnectionAcceptor::Ended(const Connection& connection, TimePoint now) {
  figures_.Forget(connection.peer);
  // gRPC itself has closed it for its pings, say, and it comes back at once.
  if (connection.use.bytes > kMuch && connection.use.calls_started == 0) {
    penalties_.Strike(connection.address, now);
  }
}

void ConnectionAcceptor::Close(const Connection& connection, Abuse abuse,
                               TimePoint now) {
  Disconnect(connection.descriptor, connection.socket);
  penalties_.Strike(connection.address, now);
  const bool resets = abuse == Abuse::kResets;
  ++(resets ? stats_.closed_for_resets : stats_.closed_for_frames);
  ++untold_;
  if (now - told_ < kTellEvery) return;
  told_ = now;
  LogEvent(LogLevel::kWarn, "connection closed for abuse",
           {{"peer", connection.peer},
            {"reason", std::string(resets ? "resets" : "frames")},
            {"closed", std::exchange(untold_, 0)}});
}

void ConnectionAcceptor::CountOpen() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const Connection& connection = it->second;
    it = SocketOf(connection.descriptor) == connection.socket
             ? std::next(it)
             : connections_.erase(it);
  }
  counted_ = std::chrono::steady_clock::now();
}

int ConnectionAcceptor::connections() {
  MutexLock lock(&mu_);
  CountOpen();
  return static_cast<int>(connections_.size());
}

ConnectionAcceptor::Stats ConnectionAcceptor::stats() const {
  MutexLock lock(&mu_);
  return stats_;
}

}  // namespace elmo
