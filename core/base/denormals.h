#ifndef ELMO_CORE_BASE_DENORMALS_H_
#define ELMO_CORE_BASE_DENORMALS_H_

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace elmo {

// While alive, the calling thread computes with denormal numbers taken and
// returned as zero: they cost a hundred times as much and carry nothing here.
// Part of "same sentence, same bits": every computation runs under it.
class ScopedFlushDenormals {
 public:
#ifdef __SSE2__
  ScopedFlushDenormals() : saved_(_mm_getcsr()) {
    _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero);
  }
  ~ScopedFlushDenormals() { _mm_setcsr(saved_); }
#else
  ScopedFlushDenormals() = default;
#endif
  ScopedFlushDenormals(const ScopedFlushDenormals&) = delete;
  ScopedFlushDenormals& operator=(const ScopedFlushDenormals&) = delete;

 private:
#ifdef __SSE2__
  static constexpr unsigned kFlushToZero = 0x8000;
  static constexpr unsigned kDenormalsAreZero = 0x0040;
  const unsigned saved_;
#endif
};

}  // namespace elmo

#endif  // ELMO_CORE_BASE_DENORMALS_H_
