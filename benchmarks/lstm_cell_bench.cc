// One LSTM cell of the released dimensions (4096 cells, projected to 512), 20
// steps, on both paths, and beside it the machine's own peak: oneDNN's sgemm at
// its best shape, in the same run. One thread; MergedByTwo: two on one cell.
//
//   scripts/bench lstm_cell
//
// `GFLOP/s` counts 2 * (2 * 512 * 16384 + 4096 * 512) a row and step.

#include <benchmark/benchmark.h>
#include <oneapi/dnnl/dnnl.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/denormals.h"
#include "core/base/team.h"
#include "core/layers/dnnl_context.h"
#include "core/layers/lstm_cell.h"
#include "tests/testing/tiny_model.h"

namespace elmo {
namespace {

constexpr int64_t kSteps = 20;

// One layer is enough: the cells of a model do not differ in cost.
const testing::TinyModel& Model() {
  static const auto* model = [] {
    ModelOptions options = testing::ReleasedOptions();
    options.lstm.num_layers = 1;
    testing::RandomModelScale scale;
    scale.forget_bias = 1;  // Fills the cells, so that some of them clip.
    return testing::RandomModel(options, /*seed=*/1, scale).release();
  }();
  return *model;
}

const LstmCell& Cell(LstmPath path, Precision precision) {
  static std::map<std::pair<LstmPath, Precision>, std::unique_ptr<LstmCell>>
      cells;
  std::unique_ptr<LstmCell>& cell = cells[{path, precision}];
  if (cell == nullptr) {
    cell =
        *LstmCell::Create(Model().weights().forward[0], Model().options().lstm,
                          /*layer=*/0, {BestKernels(), path, precision});
  }
  return *cell;
}

std::vector<float> Values(int64_t size, uint64_t seed) {
  testing::TestRandom random(seed);
  std::vector<float> values(size);
  for (float& v : values) v = random.Uniform(1);
  return values;
}

void RunCell(benchmark::State& state, LstmPath path,
             Precision precision = Precision::kF32, Team* team = nullptr) {
  if (const absl::Status cpu = CheckCpuFor(precision); !cpu.ok()) {
    state.SkipWithError(std::string(cpu.message()).c_str());
    return;
  }
  const LstmCell& cell = Cell(path, precision);
  const LstmOptions& options = Model().options().lstm;
  const int64_t count = state.range(0);
  PackedRows rows;
  rows.Assign(std::vector<int64_t>(count, kSteps));
  const std::vector<float> input =
      Values(rows.total() * options.projection_dim, 2);
  std::vector<float> h(count * cell.padded_h()), c(count * cell.padded_c());
  std::vector<float> output(rows.total() * cell.padded_h());
  LstmScratch scratch;
  scratch.team = team;
  const ScopedFlushDenormals flush;
  for (auto _ : state) {
    const absl::Status status = cell.Run(
        rows, ConstMatrix(input.data(), rows.total(), options.projection_dim),
        Matrix(h.data(), count, cell.padded_h()),
        Matrix(c.data(), count, cell.padded_c()), &scratch,
        Matrix(output.data(), rows.total(), cell.padded_h()));
    if (!status.ok()) state.SkipWithError(status.ToString().c_str());
  }
  const double p = options.projection_dim, units = options.dim;
  const double flop =
      2 * (2 * p * 4 * units + units * p) * static_cast<double>(rows.total());
  state.counters["GFLOP/s"] = benchmark::Counter(
      flop * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["step"] =
      benchmark::Counter(kSteps, benchmark::Counter::kIsIterationInvariantRate |
                                     benchmark::Counter::kInvert);
}

void Merged(benchmark::State& state) { RunCell(state, LstmPath::kMerged); }
void Primitive(benchmark::State& state) {
  RunCell(state, LstmPath::kPrimitive);
}
void Bf16(benchmark::State& state) {
  RunCell(state, LstmPath::kMerged, Precision::kBf16);
}
void Int8(benchmark::State& state) {
  RunCell(state, LstmPath::kMerged, Precision::kInt8);
}
void ByTwo(benchmark::State& state, Precision precision) {
  Team team(1);
  team.Open();
  std::thread helper([&] { team.Help(); });
  RunCell(state, LstmPath::kMerged, precision, &team);
  team.Close();
  helper.join();
}
void MergedByTwo(benchmark::State& state) { ByTwo(state, Precision::kF32); }
void Bf16ByTwo(benchmark::State& state) { ByTwo(state, Precision::kBf16); }
void Int8ByTwo(benchmark::State& state) { ByTwo(state, Precision::kInt8); }
void Rows(benchmark::internal::Benchmark* cell) {
  cell->RangeMultiplier(2)->Range(1, 128)->Unit(benchmark::kMillisecond);
}
BENCHMARK(MergedByTwo)->Apply(Rows)->UseRealTime();
BENCHMARK(Bf16ByTwo)->Apply(Rows)->UseRealTime();
BENCHMARK(Int8ByTwo)->Apply(Rows)->UseRealTime();
BENCHMARK(Merged)->Apply(Rows);
BENCHMARK(Bf16)->Apply(Rows);
BENCHMARK(Int8)->Apply(Rows);
BENCHMARK(Primitive)->Apply(Rows);

void SgemmPeak(benchmark::State& state) {
  UseOneThread();
  const int64_t n = state.range(0);
  const std::vector<float> a = Values(n * n, 3), b = Values(n * n, 4);
  std::vector<float> c(n * n);
  for (auto _ : state) {
    dnnl_sgemm('N', 'N', n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * static_cast<double>(n * n * n),
                         benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(SgemmPeak)->RangeMultiplier(2)->Range(512, 2048)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace elmo
