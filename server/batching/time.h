#ifndef ELMO_SERVER_BATCHING_TIME_H_
#define ELMO_SERVER_BATCHING_TIME_H_

#include <chrono>

namespace elmo {

// Scheduling uses the steady clock alone: setting the wall clock changes
// nothing.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// Whether who gave a call up when so much of its `total` time was `left` did so
// because it was over. The caller's deadline is a little before ours: gRPC
// rounds the time left up, to two or three digits, and the call travels.
inline bool IsOutOfTime(Duration left, Duration total) {
  return left <= total / 100 + std::chrono::milliseconds(5);
}

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_TIME_H_
