#ifndef ELMO_SERVER_TCP_CONNECTION_H_
#define ELMO_SERVER_TCP_CONNECTION_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace elmo {

// Sets an option of a socket; where it cannot, nothing happens.
void SetSocketOption(int socket, int level, int option, int value);

// A connection whose descriptor belongs to gRPC. It does not say when it closes
// one; but then the number is free or somebody else's, with another inode.
//
// Plain data.
struct TcpConnection {
  // Describes a connection that is open; `other_end` is its peer's address.
  static TcpConnection Of(int descriptor, const sockaddr_storage& other_end);

  struct Received {
    int64_t read = 0;    // By gRPC.
    int64_t unread = 0;  // Not yet.
    int64_t sent = 0;    // The other way, and acknowledged.
  };

  bool IsOpen() const;
  // Since the beginning; nullopt once either side has closed.
  std::optional<Received> ReadReceived() const;
  // What the peer may send that is not read yet.
  void SetWindow(int bytes) const;
  // While it is held, what comes is thrown away unseen, and the peer's system
  // sends it again some fifth of a second later: the only way to make a reader
  // that does not stop while there is more come to an end.
  void Hold(bool held) const;
  // Ends it for both sides at once, what is not read included. gRPC still has
  // to close it.
  void Disconnect() const;

  int descriptor = -1;
  ino_t inode = 0;
  std::string peer;  // As gRPC writes it: "ipv4:127.0.0.1:4711".
  // The machine alone. Of IPv6 the first 64 bits, which one site has to itself.
  std::string machine;
};

}  // namespace elmo

#endif  // ELMO_SERVER_TCP_CONNECTION_H_
