#include "server/connection_acceptor.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

// Counting looks at every connection: not for each one that is refused.
constexpr std::chrono::milliseconds kCountInterval(50);
// For the listener to breathe while the process has no descriptor left.
constexpr int kPauseMs = 20;

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

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(
    const std::string& address, int max_connections) {
  std::unique_ptr<ConnectionAcceptor> acceptor(new ConnectionAcceptor);
  acceptor->max_connections_ =
      std::min(max_connections, AffordableConnections());
  const absl::Status bound = acceptor->Bind(address);
  if (bound.ok()) return acceptor;
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", bound.message()));
}

absl::Status ConnectionAcceptor::Bind(const std::string& address) {
  if (wake_ < 0) wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return absl::UnavailableError(std::strerror(errno));
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
}

void ConnectionAcceptor::Start(
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc) {
  grpc_ = std::move(grpc);
  thread_ = std::thread([this] { Loop(); });
}

void ConnectionAcceptor::Stop() {
  if (thread_.joinable()) {
    ELMO_CHECK(eventfd_write(wake_, 1) == 0);
    thread_.join();
  }
  for (const int listener : listeners_) close(listener);
  listeners_.clear();
}

void ConnectionAcceptor::Loop() {
  std::vector<pollfd> events = {{wake_, POLLIN, 0}};
  for (const int listener : listeners_) events.push_back({listener, POLLIN, 0});
  for (;;) {
    if (poll(events.data(), events.size(), -1) < 0) continue;  // A signal.
    if (events[0].revents != 0) return;
    for (size_t i = 1; i < events.size(); ++i) {
      if (events[i].revents != 0) Accept(events[i].fd);
    }
  }
}

void ConnectionAcceptor::Accept(int listener) {
  const int connection =
      accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection < 0) {
    const bool exhausted = errno == EMFILE || errno == ENFILE ||
                           errno == ENOBUFS || errno == ENOMEM;
    pollfd wake = {wake_, POLLIN, 0};
    if (exhausted) poll(&wake, 1, kPauseMs);
    return;
  }
  if (!TakePlace(connection)) {
    close(connection);
    return;
  }
  // Frames are written whole; waiting for more only delays them.
  Switch(connection, IPPROTO_TCP, TCP_NODELAY, 1);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
      parameters;
  parameters.listener_fd = listener;
  parameters.fd = connection;
  grpc_->HandleNewConnection(&parameters);
}

bool ConnectionAcceptor::TakePlace(int connection) {
  MutexLock lock(&mu_);
  const auto is_full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return static_cast<int>(open_.size()) >= max_connections_;
  };
  const auto now = std::chrono::steady_clock::now();
  // Some in the table may have ended.
  if (is_full() && now - counted_ >= kCountInterval) CountOpen();
  if (is_full()) {
    ++refused_;
    return false;
  }
  open_[connection] = SocketOf(connection);
  return true;
}

void ConnectionAcceptor::CountOpen() {
  for (auto it = open_.begin(); it != open_.end();) {
    it = SocketOf(it->first) == it->second ? std::next(it) : open_.erase(it);
  }
  counted_ = std::chrono::steady_clock::now();
}

int ConnectionAcceptor::connections() {
  MutexLock lock(&mu_);
  CountOpen();
  return static_cast<int>(open_.size());
}

int64_t ConnectionAcceptor::refused() const {
  MutexLock lock(&mu_);
  return refused_;
}

}  // namespace elmo
