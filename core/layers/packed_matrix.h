#ifndef ELMO_CORE_LAYERS_PACKED_MATRIX_H_
#define ELMO_CORE_LAYERS_PACKED_MATRIX_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/matrix_view.h"
#include "core/base/team.h"
#include "core/layers/kernels.h"

namespace elmo {

// Copies columns `source`, kPanel of them, of rows [begin, end) of `weight` to
// `out` [end - begin, kPanel]; zeros where `source` is negative.
void CopyPanelRows(ConstMatrix weight, const int64_t* source, int64_t begin,
                   int64_t end, float* out);

// A weight matrix [depth, columns] and its bias in the order in which the
// kernels read them: panel by panel of kPanel columns, each panel row after
// row, filled up with zero columns.
//
// Thread-compatible: constant after construction.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // Copies. `bias` is [1, columns], or empty for none.
  PackedMatrix(ConstMatrix weight, ConstMatrix bias);
  // The same with columns taken in another order: packed column n is column
  // columns[n] of `weight`, a zero column where that is negative. `bias_extra`
  // is added to the bias, column by packed column; empty: nothing.
  PackedMatrix(ConstMatrix weight, ConstMatrix bias,
               absl::Span<const int64_t> columns,
               absl::Span<const float> bias_extra);

  bool empty() const { return panels_ == 0; }
  int64_t depth() const { return depth_; }
  int64_t panels() const { return panels_; }
  int64_t padded_columns() const { return panels_ * kPanel; }
  const float* data() const { return data_.data(); }

  // c = a @ weight + bias. a [rows, depth]; c [rows, padded_columns()], whose
  // padding columns become zero. clip > 0: clipped to +-clip.
  void Multiply(const Kernels& kernels, ConstMatrix a, Matrix c,
                float clip = 0) const;
  // The same for the panels [begin, end), that is for kPanel times as many
  // columns of c; the others are left alone.
  void MultiplyPanels(const Kernels& kernels, ConstMatrix a, Matrix c,
                      int64_t begin, int64_t end, float clip = 0) const;
  // Multiply() in parts of `team`, which may be null.
  void MultiplyTogether(const Kernels& kernels, ConstMatrix a, Matrix c,
                        Team* team, float clip = 0) const;

 private:
  int64_t depth_ = 0;
  int64_t panels_ = 0;
  AlignedBuffer<float> data_;
  AlignedBuffer<float> bias_;  // [padded columns]
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_PACKED_MATRIX_H_
