#include "core/layers/gate_layout.h"

#include <algorithm>

#include "core/layers/kernels.h"

namespace elmo {
namespace {

constexpr int kGates = 4;
constexpr int kForget = 2;  // In the order i, j, f, o.

}  // namespace

std::vector<int64_t> PackedGateColumns(int64_t units) {
  const int64_t padded = RoundUpToPanel(units);
  std::vector<int64_t> columns(kGates * padded);
  for (int64_t u = 0; u < padded; ++u) {
    for (int64_t g = 0; g < kGates; ++g) {
      const int64_t panel = kGates * (u / kPanel) + g;
      columns[panel * kPanel + u % kPanel] = u < units ? g * units + u : -1;
    }
  }
  return columns;
}

std::vector<float> PackedForgetBias(int64_t units) {
  std::vector<float> extra(kGates * RoundUpToPanel(units));
  for (size_t i = 0; i < extra.size(); ++i) {
    extra[i] = (i / kPanel) % kGates == kForget ? 1 : 0;
  }
  return extra;
}

int64_t LstmStateWidth(const LstmOptions& options) {
  return RoundUpToPanel(std::min(options.dim, options.projection_dim));
}

}  // namespace elmo
