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
std::string_view PrecisionName(Precision precision);
std::optional<Precision> ParsePrecision(std::string_view name);

// OK where this CPU has the instructions; else FAILED_PRECONDITION with the
// names of those that it lacks.
absl::Status CheckCpuFor(Precision precision);

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_PRECISION_H_
