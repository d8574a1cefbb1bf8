#ifndef ELMO_CORE_BASE_MATRIX_VIEW_H_
#define ELMO_CORE_BASE_MATRIX_VIEW_H_

#include <cstdint>
#include <type_traits>

#include "core/base/check.h"

namespace elmo {

// A row-major matrix somewhere else: pointer, shape, distance between rows (in
// elements, at least `cols`). Does not own; copying copies the view. Row access
// is checked in debug builds.
template <typename T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, int64_t rows, int64_t cols, int64_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    ELMO_DCHECK(rows >= 0 && cols >= 0 && stride >= cols);
  }
  MatrixView(T* data, int64_t rows, int64_t cols)
      : MatrixView(data, rows, cols, cols) {}

  // A view of T converts to a view of const T.
  template <typename U = T, typename = std::enable_if_t<std::is_const_v<U>>>
  // NOLINTNEXTLINE(google-explicit-constructor)
  MatrixView(const MatrixView<std::remove_const_t<T>>& other)
      : MatrixView(other.data(), other.rows(), other.cols(), other.stride()) {}

  T* data() const { return data_; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t stride() const { return stride_; }
  int64_t size() const { return rows_ * cols_; }
  bool empty() const { return size() == 0; }

  T* row(int64_t r) const {
    ELMO_DCHECK(r >= 0 && r < rows_);
    return data_ + r * stride_;
  }
  T& operator()(int64_t r, int64_t c) const {
    ELMO_DCHECK(c >= 0 && c < cols_);
    return row(r)[c];
  }
  // Rows [first, first + count).
  MatrixView Rows(int64_t first, int64_t count) const {
    ELMO_DCHECK(first >= 0 && count >= 0 && first + count <= rows_);
    return MatrixView(data_ + first * stride_, count, cols_, stride_);
  }
  // Columns [first, first + count).
  MatrixView Cols(int64_t first, int64_t count) const {
    ELMO_DCHECK(first >= 0 && count >= 0 && first + count <= cols_);
    return MatrixView(data_ + first, rows_, count, stride_);
  }

 private:
  T* data_ = nullptr;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t stride_ = 0;
};

using Matrix = MatrixView<float>;
using ConstMatrix = MatrixView<const float>;

}  // namespace elmo

#endif  // ELMO_CORE_BASE_MATRIX_VIEW_H_
