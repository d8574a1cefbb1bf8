#ifndef ELMO_CORE_LAYERS_NARROW_KERNELS_H_
#define ELMO_CORE_LAYERS_NARROW_KERNELS_H_

#include <cstdint>

#include "core/layers/kernels.h"
#include "core/layers/precision.h"

namespace elmo {

// The inner loops of the low precisions, bf16 and int8, from one source
// (narrow_kernels_impl.inc). Both multiply words of 32 bits, two bfloat16 or
// four 8-bit values that are neighbours in depth, and add what comes out to one
// accumulator: that is what VDPBF16PS and VPDPBUSD do. So both have the same
// layouts, counted in words:
//
//   left factor    [rows, words]; int8: unsigned, kInt8Zero stands for 0
//   right factor   panels of kPanel columns, each [words, kPanel]
//
// Same bits: an element is one chain of these instructions, words ascending, on
// top of its start value (bf16), or an exact integer (int8). Neither depends on
// the other rows.

constexpr int kInt8Steps = 127;  // Of a scale, to either side of 0.
constexpr int kInt8Zero = 128;   // What stands for 0 in a left factor.

// Where a row's values lie between -bound and bound, its scale is bound /
// kInt8Steps whatever they are; 0: the largest magnitude of the row decides.
using NarrowBound = float;

// Distance between rows of a left factor, in words: whole cache lines, an odd
// number, so that rows do not fight for the same places in the cache.
int64_t NarrowStride(Precision precision, int64_t depth);

// What int8 adds to a product; null in bf16.
struct NarrowScales {
  const float* rows = nullptr;     // Of each row of the left factor.
  const float* columns = nullptr;  // Of each packed column.
  // -kInt8Zero times the sum of each packed column: takes back what stands for
  // 0 in the left factor.
  const int32_t* zero = nullptr;
};

// c[r, :] = start[r, :] + a[r, :] @ b, clipped; float32 outside the product.
struct NarrowGemmArgs {
  int64_t rows = 0;
  int64_t words = 0;  // Depth in words, rounded up.
  int64_t panels = 0;
  const uint32_t* a = nullptr;
  int64_t a_stride = 0;  // In words.
  const uint32_t* b = nullptr;
  NarrowScales scales;
  const float* start = nullptr;  // Null: zeros.
  int64_t start_stride = 0;      // 0: one row for all, such as a bias.
  float* c = nullptr;
  int64_t c_stride = 0;
  float clip = 0;  // 0: no clip.
};

// One time step of an LSTM cell, as LstmStepArgs has it, for the units
// [begin, end), multiples of kPanel. `hidden` is narrowed at once.
struct NarrowStepArgs {
  int64_t rows = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool backward = false;               // The last unit first.
  const float* input_gates = nullptr;  // [rows, 4 * units]
  int64_t gates_stride = 0;
  int64_t words = 0;
  const uint32_t* h_prev = nullptr;  // [rows, words]
  int64_t h_stride = 0;              // In words.
  const uint32_t* recurrent = nullptr;
  NarrowScales scales;
  float cell_clip = 0;  // 0: no clip.
  float* c = nullptr;   // [rows, units], in and out
  int64_t c_stride = 0;
  uint32_t* hidden = nullptr;    // [rows, units], out: a left factor
  int64_t hidden_stride = 0;     // In words.
  float* wide_hidden = nullptr;  // [rows, units], out; null: not wanted.
  int64_t wide_stride = 0;
  float hidden_bound = 1;    // |hidden| is not larger.
  float* scratch = nullptr;  // [rows, 4 * kPanel]
};

struct NarrowKernels {
  void (*gemm)(const NarrowGemmArgs& args);
  void (*lstm_step)(const NarrowStepArgs& args);
  // Narrows a row of n values to NarrowStride() words, the rest zeros; the
  // row's scale goes to `scale` (int8).
  void (*narrow)(const float* x, int64_t n, NarrowBound bound, uint32_t* out,
                 float* scale);
};

// `precision`: kBf16 or kInt8, one that CheckCpuFor() is content with.
const NarrowKernels& NarrowKernelsFor(Precision precision);

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_NARROW_KERNELS_H_
