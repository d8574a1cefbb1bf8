#ifndef ELMO_CORE_LAYERS_PACKED_NARROW_MATRIX_H_
#define ELMO_CORE_LAYERS_PACKED_NARROW_MATRIX_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/matrix_view.h"
#include "core/base/team.h"
#include "core/layers/narrow_kernels.h"
#include "core/layers/scratch.h"

namespace elmo {

// A left factor of one worker: rows of float32 narrowed, with their scales.
class NarrowRows {
 public:
  // Room for `rows` rows of `depth` values; what it held is lost.
  void Resize(Precision precision, int64_t rows, int64_t depth);
  // Fills rows from x [rows, at least depth].
  void Fill(const NarrowKernels& kernels, ConstMatrix x, NarrowBound bound);
  // For who writes rows itself, all with one scale.
  void SetScale(float scale);

  int64_t stride() const { return stride_; }  // In words.
  uint32_t* data() { return data_; }
  const uint32_t* data() const { return data_; }
  const float* scales() const { return scales_; }

 private:
  int64_t rows_ = 0;
  int64_t depth_ = 0;
  int64_t stride_ = 0;
  uint32_t* data_ = nullptr;
  float* scales_ = nullptr;
  ScratchBuffer<uint32_t> data_buffer_;
  ScratchBuffer<float> scales_buffer_;
};

// PackedMatrix in a low precision: bf16 rounds each weight to the nearest; int8
// has a scale for each column, its largest magnitude / 127. The bias stays
// float32.
//
// Thread-compatible: constant after construction.
class PackedNarrowMatrix {
 public:
  PackedNarrowMatrix() = default;
  // As PackedMatrix. `precision`: kBf16 or kInt8.
  PackedNarrowMatrix(Precision precision, ConstMatrix weight, ConstMatrix bias,
                     absl::Span<const int64_t> columns,
                     absl::Span<const float> bias_extra);

  bool empty() const { return panels_ == 0; }
  int64_t depth() const { return depth_; }
  int64_t words() const { return words_; }
  int64_t padded_columns() const { return panels_ * kPanel; }
  const uint32_t* data() const { return data_.data(); }
  // What a product with left factors of these scales needs.
  NarrowScales scales(const float* row_scales) const;

  // c = a @ weight + bias, for the first c.rows() rows of `a`.
  // clip > 0: clipped to +-clip.
  void Multiply(const NarrowKernels& kernels, const NarrowRows& a, Matrix c,
                float clip = 0) const;
  // Likewise, the panels shared among the members of `team`; null: alone.
  void MultiplyTogether(const NarrowKernels& kernels, const NarrowRows& a,
                        Matrix c, Team* team, float clip = 0) const;

 private:
  // From values [depth, kPanel].
  void RoundPanel(int64_t panel, const float* values);
  void ScalePanel(int64_t panel, const float* values);

  Precision precision_ = Precision::kBf16;
  int64_t depth_ = 0;
  int64_t words_ = 0;
  int64_t panels_ = 0;
  AlignedBuffer<uint32_t> data_;  // [panels, words, kPanel]
  AlignedBuffer<float> bias_;     // [padded columns]
  AlignedBuffer<float> scale_;    // int8: [padded columns]
  AlignedBuffer<int32_t> zero_;   // int8: [padded columns]
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_PACKED_NARROW_MATRIX_H_
