#ifndef ELMO_CLIENT_LOAD_ARRIVAL_SCHEDULE_H_
#define ELMO_CLIENT_LOAD_ARRIVAL_SCHEDULE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "client/load/load_random.h"

namespace elmo {

// One call, decided before anything is sent.
struct PlannedCall {
  int64_t number = 0;  // From 0.
  // When it should be sent, from the start of the load.
  std::chrono::nanoseconds intended{0};
  size_t request = 0;  // Which request of the pool.
  // From the intended time on.
  std::chrono::nanoseconds deadline{0};
  // When the caller gives up, from the intended time on; absent: never.
  std::optional<std::chrono::nanoseconds> cancel_after;
};

// When which request is sent: a Poisson process, so that callers who know
// nothing of each other are imitated. The whole schedule follows from the seed;
// how the server does changes nothing in it. For one thread.
class ArrivalSchedule {
 public:
  struct Options {
    // Calls a second. 0: all at once, for the closed loop, which sends when it
    // may.
    double rate = 10;
    uint64_t seed = 1;
    size_t num_requests = 1;  // In the pool; at least 1.
    // Uniform between the two.
    std::chrono::nanoseconds min_deadline = std::chrono::seconds(60);
    std::chrono::nanoseconds max_deadline = std::chrono::seconds(60);
    // This share of the calls is cancelled after a time uniform in
    // [0, max_cancel_delay).
    double cancel_share = 0;
    std::chrono::nanoseconds max_cancel_delay = std::chrono::milliseconds(100);
    // The end: no call is planned at or after `duration`, nor more than
    // `max_calls`.
    std::optional<std::chrono::nanoseconds> duration;
    std::optional<int64_t> max_calls;
  };

  explicit ArrivalSchedule(const Options& options);

  // The next call, later than or together with the one before; nothing at the
  // end.
  std::optional<PlannedCall> Next();

  // Whether max_calls, and not the duration, ended it.
  bool ended_by_count() const {
    return options_.max_calls && next_number_ >= *options_.max_calls;
  }

 private:
  const Options options_;
  // One source each, so that cancelling more does not move the arrivals.
  LoadRandom arrivals_;
  LoadRandom requests_;
  LoadRandom deadlines_;
  LoadRandom cancellations_;
  int64_t next_number_ = 0;
  double now_seconds_ = 0;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_ARRIVAL_SCHEDULE_H_
