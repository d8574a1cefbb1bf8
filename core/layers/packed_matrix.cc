#include "core/layers/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

namespace elmo {
namespace {

std::vector<int64_t> Identity(int64_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace

void CopyPanelRows(ConstMatrix weight, const int64_t* source, int64_t begin,
                   int64_t end, float* out) {
  bool neighbours = source[0] >= 0;
  for (int64_t j = 1; j < kPanel; ++j) {
    neighbours = neighbours && source[j] == source[0] + j;
  }
  for (int64_t k = begin; k < end; ++k, out += kPanel) {
    const float* row = weight.row(k);
    if (neighbours) {
      std::memcpy(out, row + source[0], kPanel * sizeof(float));
      continue;
    }
    for (int64_t j = 0; j < kPanel; ++j) {
      out[j] = source[j] >= 0 ? row[source[j]] : 0;
    }
  }
}

PackedMatrix::PackedMatrix(ConstMatrix weight, ConstMatrix bias)
    : PackedMatrix(weight, bias, Identity(weight.cols()), {}) {}

PackedMatrix::PackedMatrix(ConstMatrix weight, ConstMatrix bias,
                           absl::Span<const int64_t> columns,
                           absl::Span<const float> bias_extra)
    : depth_(weight.rows()),
      panels_(RoundUpToPanel(columns.size()) / kPanel),
      data_(panels_ * kPanel * depth_),
      bias_(panels_ * kPanel) {
  ELMO_CHECK(bias.empty() || bias.cols() == weight.cols());
  ELMO_CHECK(bias_extra.empty() || bias_extra.size() == columns.size());
  const int64_t count = columns.size();
  std::vector<int64_t> source(panels_ * kPanel, -1);  // By packed column.
  for (int64_t n = 0; n < panels_ * kPanel; ++n) {
    if (n < count) source[n] = columns[n];
    float b = 0;
    if (source[n] >= 0 && !bias.empty()) b = bias(0, source[n]);
    if (n < count && !bias_extra.empty()) b += bias_extra[n];
    bias_[n] = b;
  }
  // Some rows at a time: neighbours in a row of `weight` go far apart, and the
  // lines of a panel should not be far apart as well.
  constexpr int64_t kRows = 16;
  for (int64_t begin = 0; begin < depth_; begin += kRows) {
    const int64_t end = std::min(begin + kRows, depth_);
    for (int64_t p = 0; p < panels_; ++p) {
      CopyPanelRows(weight, &source[p * kPanel], begin, end,
                    data_.data() + (p * depth_ + begin) * kPanel);
    }
  }
}

void PackedMatrix::Multiply(const Kernels& kernels, ConstMatrix a, Matrix c,
                            float clip) const {
  MultiplyPanels(kernels, a, c, 0, panels_, clip);
}

void PackedMatrix::MultiplyTogether(const Kernels& kernels, ConstMatrix a,
                                    Matrix c, Team* team, float clip) const {
  ParallelFor(team, panels_, [&](int member, int64_t begin, int64_t end) {
    MultiplyPanels(kernels, a, c, begin, end, clip);
  });
}

void PackedMatrix::MultiplyPanels(const Kernels& kernels, ConstMatrix a,
                                  Matrix c, int64_t begin, int64_t end,
                                  float clip) const {
  ELMO_DCHECK(0 <= begin && begin <= end && end <= panels_);
  ELMO_DCHECK(a.rows() == c.rows() && a.cols() == depth_);
  ELMO_DCHECK(c.cols() == padded_columns());
  GemmArgs args;
  args.rows = a.rows();
  args.depth = depth_;
  args.panels = end - begin;
  args.a = a.data();
  args.a_stride = a.stride();
  args.b = data_.data() + begin * kPanel * depth_;
  args.start = bias_.data() + begin * kPanel;
  args.start_stride = 0;
  args.c = c.data() + begin * kPanel;
  args.c_stride = c.stride();
  args.clip = clip;
  kernels.gemm(args);
}

}  // namespace elmo
