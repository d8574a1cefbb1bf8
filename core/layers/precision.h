#ifndef ELMO_CORE_LAYERS_PRECISION_H_
#define ELMO_CORE_LAYERS_PRECISION_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace elmo {

// What the LSTMs multiply. Sums, gates, states, clips and outputs are float32
// in all of them, and so is all of layer 0.
enum class Precision {
  kF32,   // Exact: the reference.
  kBf16,  // Weights and activations rounded to bfloat16.
  kInt8,  // Weights and activations in 8 bits, each with its scale.
};

inline constexpr Precision kPrecisions[] = {Precision::kF32, Precision::kBf16,
                                            Precision::kInt8};

// "f32", "bf16", "int8".
const char* PrecisionName(Precision precision);
std::optional<Precision> ParsePrecision(std::string_view name);

// The instruction sets that low precisions need.
struct CpuFeatures {
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512_bf16 = false;
  bool avx512_vnni = false;
};
// Of this CPU; none where the build has no kernels for them.
CpuFeatures ThisCpu();

// OK where the CPU has the instructions; else FAILED_PRECONDITION with the
// names of those that it lacks.
absl::Status CheckCpuFor(Precision precision,
                         const CpuFeatures& cpu = ThisCpu());

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_PRECISION_H_
