#ifndef ELMO_SERVER_CONNECTION_FIGURES_H_
#define ELMO_SERVER_CONNECTION_FIGURES_H_

#include <cstdint>
#include <string>
#include <unordered_map>

#include "server/connection_guard.h"

namespace elmo {

// What gRPC counts about its connections. It keeps these figures for channelz,
// and the servers of this process must have been built with
// GRPC_ARG_ENABLE_CHANNELZ; that nobody can ask for them from outside changes
// nothing.
//
// Not thread-safe.
class ConnectionFigures {
 public:
  // Fills in all of `use` but the bytes for the connection from `peer`, as gRPC
  // writes it: "ipv4:127.0.0.1:4711". False where gRPC has no such connection
  // (yet, or any more).
  bool Read(const std::string& peer, ConnectionUse* use);
  // It has ended.
  void Forget(const std::string& peer) { ids_.erase(peer); }

 private:
  void FindNew();

  std::unordered_map<std::string, int64_t> ids_;  // gRPC's, by peer.
  int64_t next_id_ = 0;  // Those below were found already.
};

}  // namespace elmo

#endif  // ELMO_SERVER_CONNECTION_FIGURES_H_
