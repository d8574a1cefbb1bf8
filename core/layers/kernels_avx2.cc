#include "core/layers/kernels.h"

#define ELMO_KERNELS_NAMESPACE kernels_avx2
#define ELMO_KERNELS_ISA Isa::kAvx2
#define ELMO_KERNELS_NAME "avx2"
#define ELMO_LANES 8
#include "core/layers/kernels_impl.inc"
