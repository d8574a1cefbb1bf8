#ifndef ELMO_CLIENT_LOAD_LOAD_RECORD_H_
#define ELMO_CLIENT_LOAD_LOAD_RECORD_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace elmo {

enum class Outcome : uint8_t {
  kOk,
  kRefused,    // The server said: come again later (UNAVAILABLE, pushback).
  kExpired,    // DEADLINE_EXCEEDED.
  kCancelled,  // By us, as planned.
  kFailed,     // Everything else, unreachable servers included.
  kAbandoned,  // Under way when the load was interrupted.
};
constexpr int kNumOutcomes = 6;

// "ok", "refused", ...
const char* OutcomeName(Outcome outcome);

// How one call went.
struct CallRecord {
  std::chrono::nanoseconds intended{0};  // From the start of the load.
  // From the intended time, not from when it was sent: where the sender fell
  // behind, its callers would have waited (no coordinated omission).
  std::chrono::nanoseconds latency{0};
  std::chrono::nanoseconds send_delay{0};  // Sent so much after `intended`.
  int32_t sentences = 0;
  int32_t tokens = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  Outcome outcome = Outcome::kOk;
  bool late = false;  // Answered, but after its deadline.
};

// How a call that ended with `status` is counted. `cancelled`, `abandoned`:
// whether we had asked for its end, as planned or because of an interrupt.
Outcome Classify(const absl::Status& status, bool cancelled, bool abandoned);

// A load from its start to its end.
struct LoadRecords {
  std::vector<CallRecord> calls;  // In the order in which they ended.
  // Time in which calls were sent.
  std::chrono::nanoseconds duration{0};
  int64_t verified = 0;        // Answers compared with the unloaded ones.
  int64_t mismatches = 0;      // Those that differed in a bit.
  absl::Status first_failure;  // OK where no call failed.
};

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_LOAD_RECORD_H_
