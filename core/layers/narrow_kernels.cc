#include "core/layers/narrow_kernels.h"

#include "core/base/check.h"

namespace elmo {

#ifdef ELMO_X86_KERNELS
namespace kernels_bf16 {
extern const NarrowKernels kKernels;
}
namespace kernels_int8 {
extern const NarrowKernels kKernels;
}
#endif

int64_t NarrowStride(Precision precision, int64_t depth) {
  constexpr int64_t kLine = 64;  // Bytes.
  const int64_t bytes = precision == Precision::kBf16 ? 2 * depth : depth;
  return ((bytes + kLine - 1) / kLine | 1) * (kLine / 4);
}

const NarrowKernels& NarrowKernelsFor(Precision precision) {
#ifdef ELMO_X86_KERNELS
  if (precision == Precision::kBf16) return kernels_bf16::kKernels;
  if (precision == Precision::kInt8) return kernels_int8::kKernels;
#endif
  ELMO_CHECK(!"a precision that has no kernels here");
}

}  // namespace elmo
