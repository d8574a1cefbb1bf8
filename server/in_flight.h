#ifndef ELMO_SERVER_IN_FLIGHT_H_
#define ELMO_SERVER_IN_FLIGHT_H_

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "server/batching/sentence_task.h"

namespace elmo {

// Counts the calls that are not over, and the memory that requests and answers
// take until they have been sent, together and by connection: a client that
// does not read its answers takes neither all memory nor that of others.
//
// Thread-safe.
class InFlight {
 public:
  InFlight(int64_t max_bytes, int64_t max_bytes_per_client)
      : max_bytes_(max_bytes), max_bytes_per_client_(max_bytes_per_client) {}

  void CallStarted();
  void CallEnded();
  // UNAVAILABLE when the bytes do not fit.
  [[nodiscard]] absl::Status Reserve(ClientId client, int64_t bytes);
  // Gives back what was reserved.
  void Release(ClientId client, int64_t bytes);
  // What is reserved now.
  int64_t bytes() const;

  // Until no call is left; false when `deadline` passed first.
  bool WaitUntilIdle(TimePoint deadline) const;
  // Until no call is left and none has come for `quiet`, or until `deadline`.
  void WaitUntilQuiet(Duration quiet, TimePoint deadline) const;

 private:
  const int64_t max_bytes_;
  const int64_t max_bytes_per_client_;
  mutable Mutex mu_;
  mutable CondVar idle_;
  int64_t calls_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<ClientId, int64_t> bytes_by_client_ ABSL_GUARDED_BY(mu_);
  TimePoint last_started_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_IN_FLIGHT_H_
