#ifndef ELMO_BENCHMARKS_ELMO_BENCH_MEASURE_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_MEASURE_H_

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/team.h"

namespace elmo::bench {

// One figure, measured several times.
struct Sample {
  double median = 0;
  double min = 0;
  double max = 0;
  int runs = 0;

  // Half of the range as a share of the median: 0.02 is shown as +-2 %.
  double spread() const { return median > 0 ? (max - min) / median / 2 : 0; }
};

// `values` is not empty.
Sample SampleOf(std::vector<double> values);

// The same figure in another unit: every value times `factor`.
Sample Times(const Sample& sample, double factor);
// Seconds a call of calls a second, times `factor`: factor / value.
Sample Inverse(const Sample& sample, double factor = 1);

double SecondsSince(std::chrono::steady_clock::time_point start);
double SecondsOf(const std::function<void()>& call);

// Makes, on the thread of a worker, what that worker is to do.
using MakeWork = std::function<std::function<void()>(int worker)>;

struct Repetitions {
  int runs = 5;
  // Of each run at least; a call is never cut short.
  double seconds = 0.3;
};

// Calls a second, all workers together, each on a thread and, where there are
// as many, a CPU of its own, and busy all the time: in a run each counts its
// own calls over its own time. One call before the first run is not counted.
Sample CallsPerSecond(int workers, const Repetitions& repetitions,
                      const MakeWork& make);

// Threads that help a team as long as this lives, as idle workers do, on other
// CPUs than the first worker of CallsPerSecond().
class Helpers {
 public:
  explicit Helpers(int count);
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  Team* team() { return &team_; }

 private:
  Team team_;
  std::vector<std::thread> threads_;
};

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_MEASURE_H_
