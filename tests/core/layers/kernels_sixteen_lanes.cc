// The source of the AVX-512 kernels, compiled for AVX2: its tiles and lanes are
// tested on machines without AVX-512 too. Only the compiler's choice of
// instructions differs.
#include "core/layers/kernels.h"

#define ELMO_KERNELS_NAMESPACE kernels_sixteen_lanes
#define ELMO_KERNELS_ISA Isa::kAvx512
#define ELMO_KERNELS_NAME "avx512 source on avx2"
#define ELMO_LANES 16
#include "core/layers/kernels_impl.inc"
