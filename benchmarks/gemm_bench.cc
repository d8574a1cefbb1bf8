// The products of an LSTM cell of the released dimensions, by rows, our kernels
// beside oneDNN's matmul of the same shape and precision, weights packed, on
// one thread:
//   512 -> 16384   the input's and the recurrent one, without the gates
//   4096 -> 512    the projection
// and the character convolutions by table of one word.
//
//   scripts/bench gemm --benchmark_filter=bf16/projection

#include <benchmark/benchmark.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "benchmarks/elmo_bench/dnnl_yardstick.h"
#include "core/base/aligned_buffer.h"
#include "core/base/denormals.h"
#include "core/layers/char_cnn.h"
#include "core/layers/packed_matrix.h"
#include "core/layers/packed_narrow_matrix.h"
#include "tests/testing/tiny_model.h"

namespace elmo {
namespace {

struct Shape {
  int64_t depth;
  int64_t columns;
};
constexpr Shape kGates = {512, 16384};
constexpr Shape kProjection = {4096, 512};

AlignedBuffer<float> Values(int64_t size) {
  testing::TestRandom random(/*seed=*/1);
  AlignedBuffer<float> values(size);
  for (int64_t i = 0; i < size; ++i) values[i] = random.Uniform(1);
  return values;
}

void CountFlop(benchmark::State& state, int64_t rows, const Shape& shape) {
  state.counters["GFLOP/s"] = benchmark::Counter(
      2e-9 * static_cast<double>(rows * shape.depth * shape.columns),
      benchmark::Counter::kIsIterationInvariantRate);
}

void Own(benchmark::State& state, Precision precision, const Shape& shape) {
  const ScopedFlushDenormals flush;
  const int64_t rows = state.range(0);
  AlignedBuffer<float> a = Values(rows * shape.depth);
  AlignedBuffer<float> b = Values(shape.depth * shape.columns);
  AlignedBuffer<float> c(rows * shape.columns);
  const ConstMatrix left(a.data(), rows, shape.depth);
  const ConstMatrix weight(b.data(), shape.depth, shape.columns);
  const Matrix result(c.data(), rows, shape.columns);
  if (precision == Precision::kF32) {
    const PackedMatrix packed(weight, {});
    for (auto _ : state) packed.Multiply(BestKernels(), left, result);
  } else {
    const NarrowKernels& kernels = NarrowKernelsFor(precision);
    std::vector<int64_t> columns(shape.columns);
    std::iota(columns.begin(), columns.end(), 0);
    const PackedNarrowMatrix packed(precision, weight, {}, columns, {});
    NarrowRows narrow;
    narrow.Resize(precision, rows, shape.depth);
    for (auto _ : state) {
      narrow.Fill(kernels, left, /*bound=*/1);
      packed.Multiply(kernels, narrow, result);
    }
  }
  CountFlop(state, rows, shape);
}

void OneDnn(benchmark::State& state, Precision precision, const Shape& shape) {
  const int64_t rows = state.range(0);
  const auto multiply =
      bench::MakeMatmul(precision, {rows, shape.depth, shape.columns});
  for (auto _ : state) multiply();
  CountFlop(state, rows, shape);
}

void Convolutions(benchmark::State& state) {
  const testing::TinyModel& whole = *[] {
    return testing::RandomModel(testing::ReleasedOptions(), /*seed=*/1)
        .release();
  }();
  ModelOptions options = whole.options();
  options.char_cnn.num_highway = 0;
  options.lstm.projection_dim = options.char_cnn.num_filters();
  CharCnnWeights weights = whole.weights().char_cnn;
  weights.highways.clear();
  const CharCnn cnn(options, weights, BestKernels());
  const int64_t length = options.char_cnn.max_characters_per_token;
  std::vector<uint16_t> ids(length, CharCnn::kPaddingId);
  for (int64_t i = 0; i < state.range(0) + 2; ++i) ids[i] = 100 + i;
  CharCnnScratch scratch;
  std::vector<float> out(cnn.padded_dim());
  for (auto _ : state) {
    cnn.Run(MatrixView<const uint16_t>(ids.data(), 1, length), &scratch,
            Matrix(out.data(), 1, cnn.padded_dim()));
  }
}
// Argument: characters of the word.
BENCHMARK(Convolutions)->Arg(1)->Arg(5)->Arg(10)->Arg(20);

void Register(Precision precision, const std::string& name,
              const Shape& shape) {
  const std::string suffix =
      "/" + std::string(PrecisionName(precision)) + "/" + name;
  const auto add = [](benchmark::internal::Benchmark* made) {
    for (int64_t rows :
         {1, 2, 3, 4, 6, 8, 12, 13, 16, 24, 32, 48, 64, 128, 256})
      made->Arg(rows);
    made->Unit(benchmark::kMicrosecond)->MinTime(0.05);
  };
  add(benchmark::RegisterBenchmark(("own" + suffix).c_str(), Own, precision,
                                   shape));
  add(benchmark::RegisterBenchmark(("onednn" + suffix).c_str(), OneDnn,
                                   precision, shape));
}

const int kRegistered = [] {
  for (Precision precision : kPrecisions) {
    if (!CheckCpuFor(precision).ok()) continue;
    Register(precision, "gates", kGates);
    Register(precision, "projection", kProjection);
  }
  return 0;
}();

}  // namespace
}  // namespace elmo
