#include "server/listening_sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "server/tcp_connection.h"

namespace elmo {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

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
int Listen(const addrinfo& info, int window) {
  const int listener =
      socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return -1;
  SetSocketOption(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  if (info.ai_family == AF_INET6) {
    SetSocketOption(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  }
  // Before there is a connection: what comes with its first packets counts,
  // too.
  if (window > 0) SetSocketOption(listener, SOL_SOCKET, SO_RCVBUF, window);
  if (bind(listener, info.ai_addr, info.ai_addrlen) == 0 &&
      listen(listener, SOMAXCONN) == 0) {
    return listener;
  }
  const int error = errno;
  close(listener);
  errno = error;
  return -1;
}

}  // namespace

absl::StatusOr<ListeningSockets> ListenOn(const std::string& address,
                                          int window) {
  ELMO_ASSIGN_OR_RETURN(const AddressList found, Resolve(address));
  ListeningSockets sockets;
  int error = 0;
  for (addrinfo* info = found.get(); info != nullptr; info = info->ai_next) {
    // One port for all addresses of the host.
    if (sockets.port != 0) SetPort(info->ai_addr, sockets.port);
    const int listener = Listen(*info, window);
    if (listener < 0) {
      error = errno;
      continue;
    }
    sockets.descriptors.push_back(listener);
    sockets.port = PortOf(listener);
  }
  if (!sockets.descriptors.empty()) return sockets;
  // Where the system has no IPv6 at all, "everything" still is IPv4.
  if (error == EAFNOSUPPORT && absl::StartsWith(address, "[::]:")) {
    return ListenOn(absl::StrCat("0.0.0.0", address.substr(4)), window);
  }
  return absl::UnavailableError(std::strerror(error));
}

}  // namespace elmo
