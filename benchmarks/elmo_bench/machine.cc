#include "benchmarks/elmo_bench/machine.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "benchmarks/elmo_bench/dnnl_yardstick.h"
#include "core/base/aligned_buffer.h"
#include "core/base/cpu_info.h"

namespace elmo::bench {
namespace {

// One of them is each library's and machine's best: square ones for large
// caches, and the recurrence's own.
constexpr MatmulShape kShapes[] = {{1024, 1024, 1024},
                                   {2048, 2048, 2048},
                                   {256, 4096, 512},
                                   {512, 1024, 4096}};

std::string CpuName() {
  std::ifstream info("/proc/cpuinfo");
  std::string line, name, family, model;
  const auto field = [&](const std::string& key, std::string* value) {
    if (value->empty() && line.rfind(key + "\t", 0) == 0) {
      *value = line.substr(line.find(':') + 2);
    }
  };
  while (std::getline(info, line)) {
    field("model name", &name);
    field("cpu family", &family);
    field("model\t", &model);
  }
  return absl::StrCat(name.empty() ? "unknown" : name, " (family ", family,
                      ", model ", model, ")");
}

std::vector<std::string> InstructionSets() {
  std::vector<std::string> sets;
#if defined(__x86_64__)
#define ELMO_IF_SUPPORTED(name, text) \
  if (__builtin_cpu_supports(name)) sets.emplace_back(text)
  ELMO_IF_SUPPORTED("avx2", "AVX2");
  ELMO_IF_SUPPORTED("fma", "FMA");
  ELMO_IF_SUPPORTED("avx512f", "AVX-512F");
  ELMO_IF_SUPPORTED("avx512bw", "AVX-512BW");
  ELMO_IF_SUPPORTED("avx512vnni", "AVX-512 VNNI");
  ELMO_IF_SUPPORTED("avx512bf16", "AVX-512 BF16");
#undef ELMO_IF_SUPPORTED
#endif
  return sets;
}

// Eight sums, so that the loads are the bound. Registers as wide as the CPU's:
// narrow ones cannot take all that L3 gives.
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
uint64_t
SumOf(const uint64_t* words, int64_t count) {
  uint64_t sums[64] = {};
  for (int64_t i = 0; i + 64 <= count; i += 64) {
    for (int64_t j = 0; j < 64; ++j) sums[j] += words[i + j];
  }
  uint64_t sum = 0;
  for (uint64_t s : sums) sum += s;
  return sum;
}

class Reader {
 public:
  explicit Reader(int64_t bytes)
      : size_(bytes / static_cast<int64_t>(sizeof(uint64_t))),
        words_(size_ + kHugePage / sizeof(uint64_t)) {
    const auto begin = reinterpret_cast<uintptr_t>(words_.data());
    const uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
    start_ = reinterpret_cast<uint64_t*>(aligned);
    // With small pages it would be the address translation that is measured.
    madvise(start_, size_ * sizeof(uint64_t), MADV_HUGEPAGE);
    std::fill_n(start_, size_, uint64_t{1});
  }

  void Read() { sum_ = SumOf(start_, size_); }

 private:
  static constexpr size_t kHugePage = 2 << 20;

  const int64_t size_;
  AlignedBuffer<uint64_t> words_;
  uint64_t* start_ = nullptr;
  volatile uint64_t sum_ = 0;  // So that it is computed.
};

// 1e9 bytes a second that all workers read together, each from its own buffer.
Sample ReadRate(int workers, int64_t bytes, const Repetitions& repetitions) {
  const Sample calls = CallsPerSecond(workers, repetitions, [&](int) {
    auto reader = std::make_shared<Reader>(bytes);
    return [reader] { reader->Read(); };
  });
  return Times(calls, 1e-9 * static_cast<double>(bytes));
}

Peaks MeasurePeaks(int workers, const Machine& machine,
                   const Repetitions& repetitions) {
  Peaks peaks;
  peaks.workers = workers;
  for (Precision precision : machine.precisions) {
    Sample& best = peaks.matmul[precision];
    for (const MatmulShape& shape : kShapes) {
      const Sample calls = CallsPerSecond(workers, repetitions, [&](int) {
        return MakeMatmul(precision, shape);
      });
      const Sample rate = Times(calls, 1e-9 * shape.flop());
      if (rate.median > best.median) best = rate;
    }
  }
  // Together half of the cache at most, but no worker's part within its own L2.
  const int64_t l3_part =
      std::max(2 * machine.l2_bytes,
               std::min(machine.l3_bytes / 4, machine.l3_bytes / 2 / workers));
  peaks.l3 = ReadRate(workers, l3_part, repetitions);
  const int64_t dram_part =
      std::max(int64_t{64} << 20, 4 * machine.l3_bytes / workers);
  peaks.dram = ReadRate(workers, dram_part, repetitions);
  return peaks;
}

// Of the first CPU that we may use. What sysconf() says of L3 is that of the
// whole processor, which a virtual machine does not have.
int64_t CacheBytes(int level, int64_t if_unknown) {
  const std::string folder = absl::StrCat("/sys/devices/system/cpu/cpu",
                                          sched_getcpu(), "/cache/index");
  for (int index = 0; index < 8; ++index) {
    const std::string cache = absl::StrCat(folder, index);
    std::ifstream level_file(cache + "/level"), size_file(cache + "/size");
    int found = 0;
    int64_t kilobytes = 0;  // "32768K"
    if (level_file >> found && found == level && size_file >> kilobytes) {
      return kilobytes << 10;
    }
  }
  return if_unknown;
}

}  // namespace

Machine MeasureMachine(int workers, const std::vector<Precision>& wanted,
                       const Repetitions& repetitions, Report* report) {
  Machine machine;
  machine.cpu = CpuName();
  machine.instruction_sets = InstructionSets();
  machine.cpus = GrantedCpus();
  machine.l2_bytes = CacheBytes(2, 1 << 20);
  machine.l3_bytes = CacheBytes(3, 16 << 20);

  report->Part("machine", "Machine");
  report->Figure("cpu", machine.cpu, absl::StrCat("CPU: ", machine.cpu));
  report->Figure("instruction_sets", machine.instruction_sets,
                 absl::StrCat("Instruction sets: ",
                              absl::StrJoin(machine.instruction_sets, ", ")));
  report->Figure("cpus", machine.cpus,
                 absl::StrCat("CPUs granted: ", machine.cpus));
  report->Figure(
      "l3_bytes", machine.l3_bytes,
      absl::StrFormat("Caches: L2 %.1f MB a core, L3 %.1f MB",
                      static_cast<double>(machine.l2_bytes) / (1 << 20),
                      static_cast<double>(machine.l3_bytes) / (1 << 20)));
  for (Precision precision : wanted) {
    const absl::Status status = CheckCpuFor(precision);
    if (status.ok()) {
      machine.precisions.push_back(precision);
    } else {
      report->Text(absl::StrCat("Skipped: ", std::string(status.message())));
    }
  }

  std::vector<Table::Column> columns = {{"workers", "workers"}};
  for (Precision precision : machine.precisions) {
    const std::string name(PrecisionName(precision));
    columns.push_back({name, absl::StrCat("matmul ", name, " Gop/s")});
  }
  columns.push_back({"dram", "DRAM read GB/s"});
  columns.push_back({"l3", "L3 read GB/s"});
  Table table(report, "peaks", columns);
  const int all = workers > 0 ? workers : machine.cpus;
  for (int count : {1, all}) {
    if (machine.peaks.count(count) > 0) continue;
    const Peaks& peaks = machine.peaks[count] =
        MeasurePeaks(count, machine, repetitions);
    std::vector<Cell> cells = {Number(count)};
    for (const auto& [precision, rate] : peaks.matmul) {
      cells.push_back(Measured(rate, 1));
    }
    cells.push_back(Measured(peaks.dram, 1));
    cells.push_back(Measured(peaks.l3, 1));
    table.Row(cells);
  }
  return machine;
}

}  // namespace elmo::bench
