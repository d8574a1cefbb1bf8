#include "server/tcp_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace elmo {
namespace {

// TCP_ESTABLISHED; the system's two headers on TCP exclude each other.
constexpr int kEstablished = 1;

ino_t InodeOf(int descriptor) {
  struct stat info {};
  return fstat(descriptor, &info) == 0 ? info.st_ino : 0;
}

void Describe(const sockaddr_storage& other_end, TcpConnection* connection) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&other_end);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&other_end);
  if (other_end.ss_family == AF_INET) {
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
  } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    connection->peer =
        absl::StrCat("ipv6:%5B", text, "%5D:", ntohs(v6->sin6_port));
    connection->machine.assign(reinterpret_cast<const char*>(&v6->sin6_addr),
                               8);
    return;
  }
  // The port is at the same place in both.
  connection->peer = absl::StrCat("ipv4:", text, ":", ntohs(v4->sin_port));
  connection->machine = text;
}

}  // namespace

void SetSocketOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof(value));
}

TcpConnection TcpConnection::Of(int descriptor,
                                const sockaddr_storage& other_end) {
  TcpConnection connection;
  connection.descriptor = descriptor;
  connection.inode = InodeOf(descriptor);
  Describe(other_end, &connection);
  return connection;
}

bool TcpConnection::IsOpen() const { return InodeOf(descriptor) == inode; }

std::optional<TcpConnection::Received> TcpConnection::ReadReceived() const {
  tcp_info info{};
  socklen_t size = sizeof(info);
  int unread = 0;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      info.tcpi_state != kEstablished || ioctl(descriptor, FIONREAD, &unread)) {
    return std::nullopt;
  }
  Received received;
  received.read = static_cast<int64_t>(info.tcpi_bytes_received) - unread;
  received.unread = unread;
  received.sent = static_cast<int64_t>(info.tcpi_bytes_acked);
  return received;
}

void TcpConnection::SetWindow(int bytes) const {
  SetSocketOption(descriptor, SOL_SOCKET, SO_RCVBUF, bytes);
  SetSocketOption(descriptor, IPPROTO_TCP, TCP_WINDOW_CLAMP, bytes);
}

void TcpConnection::Hold(bool held) const {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program = {1, &nothing};
  setsockopt(descriptor, SOL_SOCKET, held ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
             &program, sizeof(program));
}

void TcpConnection::Disconnect() const {
  // gRPC may close it at any time, and the number be somebody else's: only a
  // copy is sure to be the one that was checked.
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  if (InodeOf(copy) == inode) {
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    if (connect(copy, &none, sizeof(none)) != 0) shutdown(copy, SHUT_RDWR);
  }
  close(copy);
}

}  // namespace elmo
