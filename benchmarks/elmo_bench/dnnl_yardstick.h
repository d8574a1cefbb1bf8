#ifndef ELMO_BENCHMARKS_ELMO_BENCH_DNNL_YARDSTICK_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_DNNL_YARDSTICK_H_

#include <cstdint>
#include <functional>

#include "core/layers/precision.h"

namespace elmo::bench {

// What our own code is held against: oneDNN's kernels, on one thread, with
// weights in the layout that it likes best. Each function makes something that
// may be called again and again, on the thread that made it.

struct MatmulShape {
  int64_t rows = 0;
  int64_t depth = 0;
  int64_t columns = 0;
  double flop() const {
    return 2.0 * static_cast<double>(rows * depth * columns);
  }
};

// f32: f32 x f32 -> f32; bf16: bf16 x bf16 -> f32; int8: u8 x s8 -> s32.
std::function<void()> MakeMatmul(Precision precision, const MatmulShape& shape);

// One convolution over characters as a dense one: `words` words of `length`
// positions with `channels` values each, `filters` filters of `width`
// positions. f32.
struct ConvolutionShape {
  int64_t words = 0;
  int64_t length = 0;
  int64_t channels = 0;
  int64_t width = 0;
  int64_t filters = 0;
};
std::function<void()> MakeConvolution(const ConvolutionShape& shape);

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_DNNL_YARDSTICK_H_
