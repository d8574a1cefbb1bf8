#ifndef ELMO_SERVER_BATCHING_TIME_H_
#define ELMO_SERVER_BATCHING_TIME_H_

#include <chrono>

namespace elmo {

// Scheduling uses the steady clock alone: setting the wall clock changes
// nothing.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_TIME_H_
