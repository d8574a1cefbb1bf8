#include "core/layers/precision.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace elmo {

const char* PrecisionName(Precision precision) {
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

CpuFeatures ThisCpu() {
  CpuFeatures cpu;
#ifdef ELMO_X86_KERNELS
  cpu.avx512f = __builtin_cpu_supports("avx512f");
  cpu.avx512bw = __builtin_cpu_supports("avx512bw");
  cpu.avx512_bf16 = __builtin_cpu_supports("avx512bf16");
  cpu.avx512_vnni = __builtin_cpu_supports("avx512vnni");
#endif
  return cpu;
}

absl::Status CheckCpuFor(Precision precision, const CpuFeatures& cpu) {
  if (precision == Precision::kF32) return absl::OkStatus();
  std::vector<const char*> missing;
  if (!cpu.avx512f) missing.push_back("AVX-512F");
  if (!cpu.avx512bw) missing.push_back("AVX-512BW");
  if (precision == Precision::kBf16 && !cpu.avx512_bf16) {
    missing.push_back("AVX-512 BF16");
  }
  if (precision == Precision::kInt8 && !cpu.avx512_vnni) {
    missing.push_back("AVX-512 VNNI");
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "precision ", PrecisionName(precision),
      " needs instructions that this CPU lacks: ", absl::StrJoin(missing, ", "),
      "; use f32"));
}

}  // namespace elmo
