// VDPBF16PS: two products of bfloat16 are added to a float32 sum.

#include <immintrin.h>

#include "core/layers/narrow_kernels.h"

#define ELMO_LANES 16

namespace elmo {
namespace kernels_bf16 {
namespace {

#include "core/layers/vector_math.inc"

using Acc = __m512;

// Not the intrinsic, as in kernels_int8.cc.
inline Acc Dot(Acc acc, __m512i a, __m512i b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}

inline Acc StartAcc(const float* start, const int32_t*) {
  return start ? _mm512_loadu_ps(start) : _mm512_setzero_ps();
}

inline Vec FinishAcc(Acc acc, const float*, float, const float*) { return acc; }

inline void StoreHidden(Vec values, float, uint32_t* row, int64_t unit) {
  const __m256bh narrow = _mm512_cvtneps_pbh(values);
  __builtin_memcpy(row + unit / 2, &narrow, sizeof(narrow));
}

void NarrowRow(const float* x, int64_t n, NarrowBound, uint32_t* out,
               float* scale) {
  *scale = 1;
  const int64_t end = NarrowStride(Precision::kBf16, n) * 2;
  for (int64_t i = 0; i < end; i += kLanes) {
    const int64_t left = n - i;
    const __mmask16 mask = left >= kLanes ? 0xffff
                           : left > 0     ? (1u << left) - 1
                                          : 0;
    StoreHidden(_mm512_maskz_loadu_ps(mask, x + i), 1, out, i);
  }
}

#include "core/layers/narrow_kernels_impl.inc"

}  // namespace

extern const NarrowKernels kKernels;
const NarrowKernels kKernels = {Gemm, LstmStep, NarrowRow};

}  // namespace kernels_bf16
}  // namespace elmo
