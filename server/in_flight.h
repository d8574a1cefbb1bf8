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
// Requests of streams that were read and cannot run yet have an account of
// their own, one part in kWaitingPart of both limits. So what waits never keeps
// out what it waits for, and the two together stay within the limits.
//
// Thread-safe.
class InFlight {
 public:
  static constexpr int64_t kWaitingPart = 8;

  InFlight(int64_t max_bytes, int64_t max_bytes_per_client);

  void CallStarted();
  void CallEnded();
  // UNAVAILABLE when the bytes do not fit.
  [[nodiscard]] absl::Status Reserve(ClientId client, int64_t bytes);
  // Gives back what was reserved.
  void Release(ClientId client, int64_t bytes);
  // The same two for a request that waits.
  [[nodiscard]] absl::Status ReserveWaiting(ClientId client, int64_t bytes);
  void ReleaseWaiting(ClientId client, int64_t bytes);
  // What is reserved now, in both accounts.
  int64_t bytes() const;
  // Of one client, without what waits.
  int64_t bytes(ClientId client) const;

  // Until no call is left; false when `deadline` passed first.
  bool WaitUntilIdle(TimePoint deadline) const;
  // Until no call is left and none has come for `quiet`, or until `deadline`.
  void WaitUntilQuiet(Duration quiet, TimePoint deadline) const;

 private:
  struct Account {
    const char* what;  // For messages.
    int64_t max_bytes;
    int64_t max_bytes_per_client;
    int64_t bytes = 0;
    std::map<ClientId, int64_t> by_client = {};

    absl::Status Reserve(ClientId client, int64_t added);
    void Release(ClientId client, int64_t removed);
  };

  mutable Mutex mu_;
  mutable CondVar idle_;
  int64_t calls_ ABSL_GUARDED_BY(mu_) = 0;
  Account running_ ABSL_GUARDED_BY(mu_);
  Account waiting_ ABSL_GUARDED_BY(mu_);
  TimePoint last_started_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_IN_FLIGHT_H_
