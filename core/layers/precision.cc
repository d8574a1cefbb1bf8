#include "core/layers/precision.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace elmo {
namespace {

// Instructions that a precision needs and this CPU lacks.
std::vector<std::string_view> Missing(Precision precision) {
  std::vector<std::string_view> missing;
  if (precision == Precision::kF32) return missing;
#ifdef ELMO_X86_KERNELS
  if (!__builtin_cpu_supports("avx512f")) missing.push_back("AVX-512F");
  if (!__builtin_cpu_supports("avx512bw")) missing.push_back("AVX-512BW");
  if (precision == Precision::kBf16) {
    if (!__builtin_cpu_supports("avx512bf16")) {
      missing.push_back("AVX-512 BF16");
    }
  } else if (!__builtin_cpu_supports("avx512vnni")) {
    missing.push_back("AVX-512 VNNI");
  }
#else
  missing.push_back("x86-64 with AVX-512");
#endif
  return missing;
}

}  // namespace

std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kF32:
      return "f32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
  }
  return "unknown";
}

std::optional<Precision> ParsePrecision(std::string_view name) {
  for (Precision precision : kPrecisions) {
    if (PrecisionName(precision) == name) return precision;
  }
  return std::nullopt;
}

absl::Status CheckCpuFor(Precision precision) {
  const std::vector<std::string_view> missing = Missing(precision);
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("precision ", PrecisionName(precision),
                   " needs instructions that this CPU lacks: ",
                   absl::StrJoin(missing, ", ")));
}

}  // namespace elmo
