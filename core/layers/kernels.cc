#include "core/layers/kernels.h"

namespace elmo {

namespace kernels_portable {
extern const Kernels kKernels;
}
#ifdef ELMO_X86_KERNELS
namespace kernels_avx2 {
extern const Kernels kKernels;
}
namespace kernels_avx512 {
extern const Kernels kKernels;
}
#endif

const Kernels* KernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return &kernels_portable::kKernels;
#ifdef ELMO_X86_KERNELS
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                 ? &kernels_avx2::kKernels
                 : nullptr;
    case Isa::kAvx512:
      return __builtin_cpu_supports("avx512f") ? &kernels_avx512::kKernels
                                               : nullptr;
#endif
    default:
      return nullptr;
  }
}

const Kernels& BestKernels() {
  constexpr Isa kFastestFirst[] = {Isa::kAvx512, Isa::kAvx2};
  for (Isa isa : kFastestFirst) {
    if (const Kernels* kernels = KernelsFor(isa)) return *kernels;
  }
  return *KernelsFor(Isa::kPortable);
}

}  // namespace elmo
