// VPDPBUSD: four products of 8-bit values are added to a 32-bit sum, exactly.

#include <immintrin.h>

#include "core/layers/narrow_kernels.h"

#define ELMO_LANES 16

namespace elmo {
namespace kernels_int8 {
namespace {

#include "core/layers/vector_math.inc"

using Acc = __m512i;

// Not the intrinsic: GCC 12 copies each accumulator to another register for it
// and runs out of them, which halves the speed.
inline Acc Dot(Acc acc, __m512i a, __m512i b) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}

inline Acc StartAcc(const float*, const int32_t* zero) {
  return _mm512_loadu_si512(zero);
}

inline Vec FinishAcc(Acc acc, const float* start, float row_scale,
                     const float* column_scales) {
  const Vec product =
      Vec(_mm512_cvtepi32_ps(acc)) * (row_scale * Load(column_scales));
  return start ? Load(start) + product : product;
}

// 16 values in units of their scale.
inline __m128i Narrow(Vec values, float steps_per_unit) {
  const __m512i steps = _mm512_cvtps_epi32(Clip(
      values * steps_per_unit, kInt8Steps));  // To the nearest, ties to even.
  return _mm512_cvtusepi32_epi8(
      _mm512_add_epi32(steps, _mm512_set1_epi32(kInt8Zero)));
}

inline void Put(__m128i narrow, uint32_t* row, int64_t column) {
  __builtin_memcpy(row + column / 4, &narrow, sizeof(narrow));
}

inline void StoreHidden(Vec values, float bound, uint32_t* row, int64_t unit) {
  Put(Narrow(values, kInt8Steps / bound), row, unit);
}

inline Vec LoadSome(const float* x, int64_t count) {
  const __mmask16 mask = count >= kLanes ? 0xffff
                         : count > 0     ? (1u << count) - 1
                                         : 0;
  return _mm512_maskz_loadu_ps(mask, x);
}

void NarrowRow(const float* x, int64_t n, NarrowBound bound, uint32_t* out,
               float* scale) {
  if (!(bound > 0)) {
    Vec largest{};
    for (int64_t i = 0; i < n; i += kLanes) {
      const Vec magnitude = Abs(LoadSome(x + i, n - i));
      largest = magnitude > largest ? magnitude : largest;
    }
    bound = _mm512_reduce_max_ps(largest);
    // A row of zeros; and what is too small for its steps to be a float.
    if (!(bound > 1e-30f)) bound = 1e-30f;
  }
  *scale = bound / kInt8Steps;
  const int64_t end = NarrowStride(Precision::kInt8, n) * 4;
  for (int64_t i = 0; i < end; i += kLanes) {
    Put(Narrow(LoadSome(x + i, n - i), kInt8Steps / bound), out, i);
  }
}

#include "core/layers/narrow_kernels_impl.inc"

}  // namespace

extern const NarrowKernels kKernels;
const NarrowKernels kKernels = {Gemm, LstmStep, NarrowRow};

}  // namespace kernels_int8
}  // namespace elmo
