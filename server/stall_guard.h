#ifndef ELMO_SERVER_STALL_GUARD_H_
#define ELMO_SERVER_STALL_GUARD_H_

#include <memory>

#include "core/base/mutex.h"
#include "grpcpp/alarm.h"
#include "grpcpp/grpcpp.h"
#include "server/batching/time.h"

namespace elmo {

// Ends a call whose client does not read: cancels it when an answer that was
// given to gRPC has not left within the timeout. The memory of the answer comes
// free then.
//
// Thread-safe. The destructor waits for nothing: a timer that fires later finds
// the guard disarmed.
class StallGuard {
 public:
  // `rpc` must outlive this object.
  StallGuard(grpc::CallbackServerContext* rpc, Duration timeout);
  ~StallGuard();

  // An answer goes to gRPC now.
  void Arm();
  // It has left.
  void Disarm();

 private:
  // Shared with the timer.
  struct State {
    Mutex mu;
    grpc::CallbackServerContext* rpc ABSL_GUARDED_BY(mu) = nullptr;
    int64_t armed ABSL_GUARDED_BY(mu) = 0;  // 0: not; else the number of Arm().
    int64_t arms ABSL_GUARDED_BY(mu) = 0;
  };

  const std::shared_ptr<State> state_;
  const Duration timeout_;
  std::unique_ptr<grpc::Alarm> alarm_;  // Only in Arm() and Disarm().
};

}  // namespace elmo

#endif  // ELMO_SERVER_STALL_GUARD_H_
