#ifndef ELMO_SERVER_LISTENING_SOCKETS_H_
#define ELMO_SERVER_LISTENING_SOCKETS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace elmo {

// Sockets that listen on one port of every address of a host.
struct ListeningSockets {
  std::vector<int> descriptors;  // The caller's to close.
  int port = 0;
};

// Listens on HOST:PORT or [HOST]:PORT, whose form was checked with the options;
// port 0: one that is free. A connection may have about `window` bytes under
// way at first; 0: what the system thinks. UNAVAILABLE where it cannot.
absl::StatusOr<ListeningSockets> ListenOn(const std::string& address,
                                          int window);

}  // namespace elmo

#endif  // ELMO_SERVER_LISTENING_SOCKETS_H_
