#ifndef ELMO_SERVER_CONNECTION_ACCEPTOR_H_
#define ELMO_SERVER_CONNECTION_ACCEPTOR_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "grpcpp/grpcpp.h"
#include "server/connection_figures.h"
#include "server/connection_guard.h"

namespace elmo {

// Accepts TCP connections and hands them to gRPC, up to a number; more are
// closed at once. gRPC 1.51 would take any number until the process is out of
// file descriptors, and then never accept again. Closes those that are abused
// (connection_guard.h): gRPC 1.51 would read on, until all of its threads do
// nothing else.
//
// Thread-safe, but for Start() and Stop(), which are for one thread.
class ConnectionAcceptor {
 public:
  struct Options {
    int max_connections = 10000;
    // Close what is abused. Needs GRPC_ARG_ENABLE_CHANNELZ of the server.
    bool guard = true;
    int64_t max_message_bytes = 4 << 20;
    int64_t max_calls = 1000;  // At a time on one connection.
  };
  // Since the start.
  struct Stats {
    int64_t refused = 0;            // For want of room.
    int64_t delayed = 0;            // Had to wait: see Penalties.
    int64_t closed_for_resets = 0;  // Abuse::kResets
    int64_t closed_for_frames = 0;  // Abuse::kFrames
  };

  // Listens on every address of HOST:PORT; nobody is accepted yet. UNAVAILABLE
  // where it cannot. `max_connections` is lowered where the process may not
  // have as many descriptors.
  static absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> Listen(
      const std::string& address, const Options& options);
  ~ConnectionAcceptor();

  // `grpc` is the builder's; the server has started.
  void Start(
      std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc);
  // Nothing listens afterwards. Connections are not touched.
  void Stop();

  int port() const { return port_; }
  int max_connections() const { return options_.max_connections; }
  // Open ones, counted now.
  int connections();
  Stats stats() const;

 private:
  struct Connection {
    int descriptor = -1;
    int listener = -1;
    bool waits = false;  // And is ours, not gRPC's.
    // gRPC does not say when it closes one, but then the number is free or
    // somebody else's, with another inode.
    ino_t socket = 0;
    std::string peer;     // As gRPC writes it.
    std::string address;  // Without the port.
    std::unique_ptr<ConnectionAccount> account;
    ConnectionUse use;  // When it was looked at last.
    TimePoint look_at{};
  };

  explicit ConnectionAcceptor(const Options& options) : options_(options) {}
  absl::Status Bind(const std::string& address);
  // `id`: of a connection; below zero: kWake, or a listener's.
  bool Watch(int operation, int descriptor, uint32_t events, int64_t id) const;
  void Loop();
  void Accept(int listener);
  // Remembers it; false where there is no room.
  bool TakePlace(Connection connection, int64_t* id);
  Penalties::Entry Ask(int64_t id);
  void LetInWaiting(TimePoint now);
  // To gRPC, by one of the porters.
  void HandOver(int64_t id);
  // A thread that carries connections to gRPC: gRPC begins to read right there,
  // and does not come back while a flood lasts.
  void Carry();
  // All that have sent something lately; when to look next.
  TimePoint LookAtActive(TimePoint now);
  // It has ended, by gRPC or its peer.
  void Ended(const Connection& connection, TimePoint now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False: it is quiet or gone.
  bool LookAt(Connection* connection, TimePoint now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Close(const Connection& connection, Abuse abuse, TimePoint now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // All constant after Listen() and Start().
  Options options_;
  std::vector<int> listeners_;
  int wake_ = -1;
  int events_ = -1;  // epoll
  int port_ = 0;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc_;

  // The thread's alone.
  int64_t next_id_ = 0;
  std::vector<int64_t> active_;
  Penalties penalties_;
  ConnectionFigures figures_;
  TimePoint told_{};
  int64_t untold_ = 0;

  mutable Mutex mu_;
  std::unordered_map<int64_t, Connection> connections_ ABSL_GUARDED_BY(mu_);
  TimePoint counted_ ABSL_GUARDED_BY(mu_){};
  Stats stats_ ABSL_GUARDED_BY(mu_);

  Mutex carry_mu_;
  CondVar to_carry_;
  std::deque<std::pair<int, int>> carried_  // Listener and connection.
      ABSL_GUARDED_BY(carry_mu_);
  bool stopping_ ABSL_GUARDED_BY(carry_mu_) = false;

  std::vector<std::thread> porters_;
  std::thread thread_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_CONNECTION_ACCEPTOR_H_
