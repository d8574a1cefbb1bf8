#ifndef ELMO_CLIENT_LOAD_LOAD_CLOCK_H_
#define ELMO_CLIENT_LOAD_LOAD_CLOCK_H_

#include <chrono>
#include <thread>

namespace elmo {

// The time by which a load is sent and measured; tests have their own.
// Thread-safe.
class LoadClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~LoadClock() = default;
  virtual TimePoint Now() = 0;
  virtual void SleepUntil(TimePoint time) = 0;
};

class SteadyLoadClock : public LoadClock {
 public:
  TimePoint Now() override { return std::chrono::steady_clock::now(); }
  void SleepUntil(TimePoint time) override {
    std::this_thread::sleep_until(time);
  }
};

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_LOAD_CLOCK_H_
