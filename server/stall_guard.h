#ifndef ELMO_SERVER_STALL_GUARD_H_
#define ELMO_SERVER_STALL_GUARD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "grpcpp/alarm.h"
#include "grpcpp/grpcpp.h"
#include "server/batching/time.h"
#include "server/send_progress.h"
#include "server/tcp_connection.h"

namespace elmo {

// Ends a call whose client does not read: cancels it when nothing of an answer
// that was given to gRPC has left for the timeout (SendProgress). The memory of
// the answer comes free then.
//
// Thread-safe. The destructor waits for nothing: a timer that fires later finds
// the guard disarmed.
class StallGuard {
 public:
  struct Options {
    Duration timeout{};
    // The connection that gRPC knows by this name; nullopt: it is no TCP
    // connection of the server's. Thread-safe. Null: there is none.
    std::function<std::optional<TcpConnection>(const std::string& peer)>
        find_connection;
  };

  // `rpc` must outlive this object. `on_stall` is called before a call is
  // cancelled, and not after Disarm(); it must not call this object.
  StallGuard(const Options& options, grpc::CallbackServerContext* rpc,
             std::function<void()> on_stall);
  ~StallGuard();

  // An answer goes to gRPC now; `owed_bytes` as for SendProgress.
  void Arm(int64_t owed_bytes);
  // It has left.
  void Disarm();

 private:
  // Shared with the timer.
  struct State {
    // Constant once there is a timer.
    Options options;
    grpc::CallbackServerContext* rpc = nullptr;
    std::function<void()> on_stall;

    Mutex mu;
    int64_t arms ABSL_GUARDED_BY(mu) = 0;
    int64_t armed ABSL_GUARDED_BY(mu) = 0;  // 0: not; else the number of Arm().
    std::optional<SendProgress> progress ABSL_GUARDED_BY(mu);
    bool looked_up ABSL_GUARDED_BY(mu) = false;
    std::optional<TcpConnection> connection ABSL_GUARDED_BY(mu);
    std::unique_ptr<grpc::Alarm> alarm ABSL_GUARDED_BY(mu);

    std::optional<int64_t> BytesSent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  };

  static void LookIn(const std::shared_ptr<State>& state, Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state->mu);
  static void Look(const std::shared_ptr<State>& state, int64_t number);

  const std::shared_ptr<State> state_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_STALL_GUARD_H_
