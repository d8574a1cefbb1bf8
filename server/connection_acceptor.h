#ifndef ELMO_SERVER_CONNECTION_ACCEPTOR_H_
#define ELMO_SERVER_CONNECTION_ACCEPTOR_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "grpcpp/grpcpp.h"
#include "server/connection_guard.h"
#include "server/connection_watch.h"
#include "server/open_calls.h"
#include "server/tcp_connection.h"

namespace elmo {

// Accepts TCP connections and hands them to gRPC, up to a number; more are
// closed at once. gRPC 1.51 would take any number until the process is out of
// file descriptors, and then never accept again. Has those that are abused
// closed (ConnectionWatch), and lets their machines in one by one.
//
// Thread-safe, but for Start() and Stop(), which are for one thread.
class ConnectionAcceptor {
 public:
  struct Options {
    int max_connections = 10000;
    // File descriptors that others of this process may need for connections.
    int reserved_descriptors = 0;
    // Close what is abused. Needs GRPC_ARG_ENABLE_CHANNELZ of the server, and
    // CountCalls(open_calls()).
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

  // For the server to count them.
  OpenCalls* open_calls() { return &open_calls_; }
  int port() const { return port_; }
  int max_connections() const { return options_.max_connections; }
  // Open ones, counted now.
  int connections();
  // The one that gRPC knows by this name; nullopt where it has ended. Looks at
  // all of them.
  std::optional<TcpConnection> Find(const std::string& peer) const;
  Stats stats() const;

 private:
  struct Place {
    TcpConnection connection;
    int listener = -1;
    bool waits = false;  // And is ours, not gRPC's.
  };

  explicit ConnectionAcceptor(const Options& options);
  // To be told of by epoll under this id.
  void AddEvent(int descriptor, int64_t id) const;
  void Loop();
  void Accept(int listener);
  // Remembers it; false where there is no room.
  bool TakePlace(Place place, int64_t* id);
  Penalties::Entry Ask(int64_t id);
  void LetInWaiting(TimePoint now);
  // To gRPC, by one of the porters.
  void HandOver(int64_t id);
  // A thread that carries connections to gRPC: gRPC begins to read right there,
  // and does not come back while a flood lasts.
  void Carry();
  void CountOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // All constant after Listen() and Start().
  Options options_;
  const int wake_;
  const int events_;  // epoll
  std::vector<int> listeners_;
  int port_ = 0;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc_;

  OpenCalls open_calls_;
  // The thread's alone, but for the watch's counters.
  int64_t next_id_ = 0;
  Penalties penalties_;
  ConnectionWatch watch_;

  mutable Mutex mu_;
  std::unordered_map<int64_t, Place> places_ ABSL_GUARDED_BY(mu_);
  TimePoint counted_ ABSL_GUARDED_BY(mu_){};
  int64_t refused_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t delayed_ ABSL_GUARDED_BY(mu_) = 0;

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
