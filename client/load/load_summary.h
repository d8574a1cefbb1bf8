#ifndef ELMO_CLIENT_LOAD_LOAD_SUMMARY_H_
#define ELMO_CLIENT_LOAD_LOAD_SUMMARY_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "client/load/load_record.h"

namespace elmo {

// Exact: each is one of the times (nearest rank), the smallest that at least
// this share of them does not exceed. All 0 for no times.
struct Percentiles {
  int64_t count = 0;
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p90{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds p999{0};
  std::chrono::nanoseconds max{0};
};
Percentiles PercentilesOf(std::vector<std::chrono::nanoseconds> times);

// The time at `share` (0 to 1) of `sorted`, which is not empty.
std::chrono::nanoseconds AtShare(
    const std::vector<std::chrono::nanoseconds>& sorted, double share);

// What became of the calls intended in [warm-up, duration).
struct LoadSummary {
  double seconds = 0;   // Length of that time.
  int64_t offered = 0;  // Calls intended in it.
  int64_t sent = 0;     // Those of them that were also sent in it.
  double offered_tokens_per_second = 0;
  std::array<int64_t, kNumOutcomes> outcomes{};  // By Outcome.
  std::map<absl::StatusCode, int64_t> codes;
  int64_t late = 0;  // Answered after the deadline.

  // Answers within their deadline that arrived in that time: what callers got
  // out of the server.
  double goodput_tokens_per_second = 0;
  double goodput_sentences_per_second = 0;

  Percentiles answered;    // Latencies.
  Percentiles refused;     // Likewise.
  Percentiles send_delay;  // Of all: how far the sender fell behind.

  int64_t verified = 0;
  int64_t mismatches = 0;

  int64_t count(Outcome outcome) const {
    return outcomes[static_cast<size_t>(outcome)];
  }
};
LoadSummary Summarise(const LoadRecords& records,
                      std::chrono::nanoseconds warm_up);

// One stretch of the load.
struct LoadInterval {
  double begin_seconds = 0;
  double seconds = 0;
  std::array<int64_t, kNumOutcomes> outcomes{};  // Of calls intended in it.
  double goodput_tokens_per_second = 0;          // Of answers that came in it.
  Percentiles answered;
};
// The whole load, warm-up included, in `count` equal parts; answers that came
// after its end are in no part's goodput.
std::vector<LoadInterval> Intervals(const LoadRecords& records, int count);

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_LOAD_SUMMARY_H_
