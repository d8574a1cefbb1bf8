#include "core/layers/kernels.h"

#define ELMO_KERNELS_NAMESPACE kernels_avx512
#define ELMO_KERNELS_ISA Isa::kAvx512
#define ELMO_KERNELS_NAME "avx512"
#define ELMO_LANES 16
#include "core/layers/kernels_impl.inc"
