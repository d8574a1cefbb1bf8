#include "benchmarks/elmo_bench/measure.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <thread>

#include "core/base/check.h"

namespace elmo::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Until all threads are here; C++17 has none of its own.
class Barrier {
 public:
  explicit Barrier(int threads) {
    ELMO_CHECK(pthread_barrier_init(&barrier_, nullptr, threads) == 0);
  }
  ~Barrier() { pthread_barrier_destroy(&barrier_); }
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  void Wait() { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

// This thread stays on the index-th of the CPUs that the process may use. Left
// to itself the scheduler at times begins a run with two busy threads on one.
void StayOnCpu(const cpu_set_t& allowed, int index) {
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || index-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
    return;
  }
}

cpu_set_t AllowedCpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof(allowed), &allowed);
  return allowed;
}

}  // namespace

Sample SampleOf(std::vector<double> values) {
  ELMO_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  Sample sample;
  sample.median = values.size() % 2 == 1
                      ? values[middle]
                      : (values[middle - 1] + values[middle]) / 2;
  sample.min = values.front();
  sample.max = values.back();
  sample.runs = static_cast<int>(values.size());
  return sample;
}

Sample Times(const Sample& sample, double factor) {
  return {sample.median * factor, sample.min * factor, sample.max * factor,
          sample.runs};
}

Sample Inverse(const Sample& sample, double factor) {
  return {factor / sample.median, factor / sample.max, factor / sample.min,
          sample.runs};
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double SecondsOf(const std::function<void()>& call) {
  const Clock::time_point start = Clock::now();
  call();
  return SecondsSince(start);
}

Sample CallsPerSecond(int workers, const Repetitions& repetitions,
                      const MakeWork& make) {
  std::vector<std::vector<double>> rates(
      repetitions.runs, std::vector<double>(workers));  // [run][worker]
  Barrier barrier(workers);
  const cpu_set_t cpus = AllowedCpus();
  const bool room = workers <= CPU_COUNT(&cpus);
  std::vector<std::thread> threads;
  for (int worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      if (room) StayOnCpu(cpus, worker);
      const std::function<void()> work = make(worker);
      work();
      for (std::vector<double>& run : rates) {
        barrier.Wait();
        const Clock::time_point start = Clock::now();
        double calls = 0, seconds = 0;
        do {
          work();
          ++calls;
          seconds = SecondsSince(start);
        } while (seconds < repetitions.seconds);
        run[worker] = calls / seconds;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> sums;
  for (const std::vector<double>& run : rates) {
    double sum = 0;
    for (double rate : run) sum += rate;
    sums.push_back(sum);
  }
  return SampleOf(std::move(sums));
}

Helpers::Helpers(int count) : team_(count) {
  team_.Open();
  const cpu_set_t cpus = AllowedCpus();
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([=] {
      StayOnCpu(cpus, i + 1);  // The leader is on the first.
      team_.Help();
    });
  }
}

Helpers::~Helpers() {
  team_.Close();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace elmo::bench
