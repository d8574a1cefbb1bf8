// One LSTM cell of the released dimensions (4096 cells, projected to 512), 20
// steps, on both paths, and beside it the machine's own peak: oneDNN's sgemm at
// its best shape, in the same run. One thread; MergedByTwo: two on one cell.
//
//   scripts/bench lstm_cell
//
// `GFLOP/s` counts 2 * (2 * 512 * 16384 + 4096 * 512) a row and step. Gates:
// the same step without its products, which no faster product makes any
// shorter.

#include <benchmark/benchmark.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/denormals.h"
#include "core/base/team.h"
#include "core/layers/dnnl_context.h"
#include "core/layers/kernels.h"
#include "core/layers/lstm_cell.h"
#include "core/layers/narrow_kernels.h"
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

// A step whose hidden state is of no width.
void Gates(benchmark::State& state, Precision precision) {
  if (const absl::Status cpu = CheckCpuFor(precision); !cpu.ok()) {
    state.SkipWithError(std::string(cpu.message()).c_str());
    return;
  }
  const int64_t rows = state.range(0), units = Model().options().lstm.dim;
  // A cache line between the rows, as in the engine.
  const int64_t stride = 4 * units + 16;
  const std::vector<float> input = Values(rows * stride, 5);
  std::vector<float> c(rows * (units + 16)), hidden(rows * (units + 16));
  std::vector<float> scratch(rows * 4 * kPanel);
  const auto set_common = [&](auto* step) {
    step->rows = rows;
    step->end = units;
    step->input_gates = input.data();
    step->gates_stride = stride;
    step->cell_clip = 3;
    step->c = c.data();
    step->c_stride = units + 16;
    step->hidden_stride = units + 16;
    step->scratch = scratch.data();
  };
  const ScopedFlushDenormals flush;
  if (precision == Precision::kF32) {
    LstmStepArgs step;
    set_common(&step);
    step.hidden = hidden.data();
    for (auto _ : state) BestKernels().lstm_step(step);
  } else {
    const std::vector<float> scales(std::max(rows, 4 * units), 1);
    const std::vector<int32_t> zeros(4 * units, 0);
    std::vector<uint32_t> narrow(rows * (units + 16));
    NarrowStepArgs step;
    set_common(&step);
    step.hidden = narrow.data();
    if (precision == Precision::kInt8) {
      step.scales = {scales.data(), scales.data(), zeros.data()};
    }
    const NarrowKernels& kernels = NarrowKernelsFor(precision);
    for (auto _ : state) kernels.lstm_step(step);
  }
  state.counters["step"] =
      benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate |
                                benchmark::Counter::kInvert);
}
void GatesF32(benchmark::State& state) { Gates(state, Precision::kF32); }
void GatesBf16(benchmark::State& state) { Gates(state, Precision::kBf16); }
void GatesInt8(benchmark::State& state) { Gates(state, Precision::kInt8); }
BENCHMARK(GatesF32)->Arg(1)->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK(GatesBf16)->Arg(1)->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK(GatesInt8)->Arg(1)->Arg(32)->Unit(benchmark::kMillisecond);

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
