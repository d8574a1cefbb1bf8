#ifndef ELMO_BENCHMARKS_ELMO_BENCH_MACHINE_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_MACHINE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/elmo_bench/measure.h"
#include "benchmarks/elmo_bench/report.h"
#include "core/layers/precision.h"

namespace elmo::bench {

// What so many workers on a thread each can do at most, together.
struct Peaks {
  int workers = 1;
  // oneDNN's matmul at its best shape, 1e9 operations a second; without the
  // precisions that the CPU lacks.
  std::map<Precision, Sample> matmul;
  Sample dram;  // Reading, 1e9 bytes a second.
  Sample l3;
};

struct Machine {
  std::string cpu;
  std::vector<std::string> instruction_sets;
  int cpus = 1;  // Granted: affinity and quota.
  int64_t l2_bytes = 0;
  int64_t l3_bytes = 0;  // Of one cache.
  std::vector<Precision> precisions;

  // By number of workers: 1 and all.
  std::map<int, Peaks> peaks;
};

// Measures, and reports. `workers`: 0 for as many as CPUs are granted. Of
// `wanted` it leaves out, and says so, the precisions that the CPU lacks.
Machine MeasureMachine(int workers, const std::vector<Precision>& wanted,
                       const Repetitions& repetitions, Report* report);

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_MACHINE_H_
