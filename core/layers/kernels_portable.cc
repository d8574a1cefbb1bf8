#include "core/layers/kernels.h"

#define ELMO_KERNELS_NAMESPACE kernels_portable
#define ELMO_KERNELS_ISA Isa::kPortable
#define ELMO_KERNELS_NAME "portable"
#define ELMO_LANES 4
#include "core/layers/kernels_impl.inc"
