#include "core/layers/packed_narrow_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/layers/packed_matrix.h"
#include "core/model/float_formats.h"

namespace elmo {
namespace {

int64_t ValuesPerWord(Precision precision) {
  return precision == Precision::kBf16 ? 2 : 4;
}

// std::lround() of a value that is no larger than a few hundred. In double the
// sum is exact wherever it matters, and the compiler can vectorise it.
int RoundToInt(float value) {
  return static_cast<int>(value + std::copysign(0.5, value));
}

}  // namespace

void NarrowRows::Resize(Precision precision, int64_t rows, int64_t depth) {
  rows_ = rows;
  depth_ = depth;
  stride_ = NarrowStride(precision, depth);
  data_ = data_buffer_.Get(rows * stride_);
  scales_ = scales_buffer_.Get(rows);
}

void NarrowRows::Fill(const NarrowKernels& kernels, ConstMatrix x,
                      NarrowBound bound) {
  ELMO_DCHECK(x.rows() <= rows_ && x.cols() >= depth_);
  for (int64_t r = 0; r < x.rows(); ++r) {
    kernels.narrow(x.row(r), depth_, bound, data_ + r * stride_, scales_ + r);
  }
}

void NarrowRows::SetScale(float scale) { std::fill_n(scales_, rows_, scale); }

PackedNarrowMatrix::PackedNarrowMatrix(Precision precision, ConstMatrix weight,
                                       ConstMatrix bias,
                                       absl::Span<const int64_t> columns,
                                       absl::Span<const float> bias_extra)
    : precision_(precision),
      depth_(weight.rows()),
      words_((depth_ + ValuesPerWord(precision) - 1) /
             ValuesPerWord(precision)),
      panels_(RoundUpToPanel(columns.empty() ? weight.cols() : columns.size()) /
              kPanel),
      data_(panels_ * words_ * kPanel),
      bias_(panels_ * kPanel) {
  ELMO_CHECK(bias.empty() || bias.cols() == weight.cols());
  ELMO_CHECK(bias_extra.empty() || bias_extra.size() == columns.size());
  if (precision == Precision::kInt8) {
    scale_ = AlignedBuffer<float>(padded_columns());
    zero_ = AlignedBuffer<int32_t>(padded_columns());
  }
  std::memset(data_.data(), 0, data_.size() * sizeof(uint32_t));
  std::vector<float> values(depth_ * kPanel);
  for (int64_t p = 0; p < panels_; ++p) {
    int64_t source[kPanel];
    for (int64_t j = 0; j < kPanel; ++j) {
      const int64_t n = p * kPanel + j;
      if (columns.empty()) {
        source[j] = n < weight.cols() ? n : -1;
      } else {
        source[j] = n < static_cast<int64_t>(columns.size()) ? columns[n] : -1;
      }
      float b = source[j] >= 0 && !bias.empty() ? bias(0, source[j]) : 0;
      if (!bias_extra.empty()) b += bias_extra[n];
      bias_[n] = b;
    }
    CopyPanelRows(weight, source, 0, depth_, values.data());
    if (precision == Precision::kBf16) {
      RoundPanel(p, values.data());
    } else {
      ScalePanel(p, values.data());
    }
  }
}

void PackedNarrowMatrix::RoundPanel(int64_t panel, const float* values) {
  uint32_t* words = data_.data() + panel * words_ * kPanel;
  for (int64_t k = 0; k < depth_; ++k) {
    for (int64_t j = 0; j < kPanel; ++j) {
      const uint32_t value = FloatToBFloat16(values[k * kPanel + j]);
      words[k / 2 * kPanel + j] |= value << (k % 2 * 16);
    }
  }
}

void PackedNarrowMatrix::ScalePanel(int64_t panel, const float* values) {
  uint32_t* words = data_.data() + panel * words_ * kPanel;
  float largest[kPanel] = {};
  for (int64_t k = 0; k < depth_; ++k) {
    for (int64_t j = 0; j < kPanel; ++j) {
      largest[j] = std::max(largest[j], std::fabs(values[k * kPanel + j]));
    }
  }
  for (int64_t j = 0; j < kPanel; ++j) {
    scale_[panel * kPanel + j] = largest[j] / kInt8Steps;
    // A column of zeros has no scale, and needs none.
    if (largest[j] == 0) largest[j] = 1;
  }
  int32_t sum[kPanel] = {};
  for (int64_t k = 0; k < depth_; ++k) {
    for (int64_t j = 0; j < kPanel; ++j) {
      const int q =
          RoundToInt(values[k * kPanel + j] / largest[j] * kInt8Steps);
      sum[j] += q;
      const uint32_t value = static_cast<uint8_t>(q);
      words[k / 4 * kPanel + j] |= value << (k % 4 * 8);
    }
  }
  for (int64_t j = 0; j < kPanel; ++j) {
    zero_[panel * kPanel + j] = -kInt8Zero * sum[j];
  }
}

NarrowScales PackedNarrowMatrix::scales(const float* row_scales) const {
  if (precision_ == Precision::kBf16) return {};
  return {row_scales, scale_.data(), zero_.data()};
}

void PackedNarrowMatrix::Multiply(const NarrowKernels& kernels,
                                  const NarrowRows& a, Matrix c,
                                  float clip) const {
  MultiplyTogether(kernels, a, c, /*team=*/nullptr, clip);
}

void PackedNarrowMatrix::MultiplyTogether(const NarrowKernels& kernels,
                                          const NarrowRows& a, Matrix c,
                                          Team* team, float clip) const {
  ELMO_DCHECK(c.cols() == padded_columns());
  ParallelFor(team, panels_, [&](int member, int64_t begin, int64_t end) {
    NarrowGemmArgs args;
    args.rows = c.rows();
    args.words = words_;
    args.panels = end - begin;
    args.a = a.data();
    args.a_stride = a.stride();
    args.b = data_.data() + begin * kPanel * words_;
    args.scales = scales(a.scales());
    if (precision_ == Precision::kInt8) {
      args.scales.columns += begin * kPanel;
      args.scales.zero += begin * kPanel;
    }
    args.start = bias_.data() + begin * kPanel;
    args.start_stride = 0;
    args.c = c.data() + begin * kPanel;
    args.c_stride = c.stride();
    args.clip = clip;
    kernels.gemm(args);
  });
}

}  // namespace elmo
