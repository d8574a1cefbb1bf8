#ifndef ELMO_SERVER_IN_FLIGHT_H_
#define ELMO_SERVER_IN_FLIGHT_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "server/batching/sentence_task.h"

namespace elmo {

// Counts the Embed calls that are not over, and the memory that requests and
// answers take until they have been sent: a client that does not read its
// answers may not take all memory.
//
// Thread-safe.
class InFlight {
 public:
  explicit InFlight(int64_t max_bytes) : max_bytes_(max_bytes) {}

  void CallStarted();
  // `bytes`: what the call had reserved.
  void CallEnded(int64_t bytes);
  // UNAVAILABLE when the bytes do not fit.
  [[nodiscard]] absl::Status Reserve(int64_t bytes);

  // Until no call is left; false when `deadline` passed first.
  bool WaitUntilIdle(TimePoint deadline) const;
  // Until no call is left and none has come for `quiet`, or until `deadline`.
  void WaitUntilQuiet(Duration quiet, TimePoint deadline) const;

 private:
  const int64_t max_bytes_;
  mutable Mutex mu_;
  mutable CondVar idle_;
  int64_t calls_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  TimePoint last_started_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_IN_FLIGHT_H_
