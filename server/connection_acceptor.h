#ifndef ELMO_SERVER_CONNECTION_ACCEPTOR_H_
#define ELMO_SERVER_CONNECTION_ACCEPTOR_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "grpcpp/grpcpp.h"

namespace elmo {

// Accepts TCP connections and hands them to gRPC, up to a number; more are
// closed at once. gRPC 1.51 would take any number until the process is out of
// file descriptors, and then never accept again.
//
// Thread-safe, but for Start() and Stop(), which are for one thread.
class ConnectionAcceptor {
 public:
  // Listens on every address of HOST:PORT; nobody is accepted yet. UNAVAILABLE
  // where it cannot. `max_connections` is lowered where the process may not
  // have as many descriptors.
  static absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> Listen(
      const std::string& address, int max_connections);
  ~ConnectionAcceptor();

  // `grpc` is the builder's; the server has started.
  void Start(
      std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc);
  // Nothing listens afterwards. Connections are not touched.
  void Stop();

  int port() const { return port_; }
  int max_connections() const { return max_connections_; }
  // Open ones, counted now.
  int connections();
  int64_t refused() const;

 private:
  ConnectionAcceptor() = default;
  absl::Status Bind(const std::string& address);
  void Loop();
  void Accept(int listener);
  bool TakePlace(int connection);
  void CountOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // All constant after Listen() and Start().
  std::vector<int> listeners_;
  int wake_ = -1;
  int port_ = 0;
  int max_connections_ = 0;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc_;

  mutable Mutex mu_;
  // Descriptors that were handed over, and the socket that each was: gRPC does
  // not say when it closes one, but then the number is free or somebody else's.
  std::unordered_map<int, ino_t> open_ ABSL_GUARDED_BY(mu_);
  std::chrono::steady_clock::time_point counted_ ABSL_GUARDED_BY(mu_);
  int64_t refused_ ABSL_GUARDED_BY(mu_) = 0;

  std::thread thread_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_CONNECTION_ACCEPTOR_H_
