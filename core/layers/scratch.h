#ifndef ELMO_CORE_LAYERS_SCRATCH_H_
#define ELMO_CORE_LAYERS_SCRATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/aligned_buffer.h"
#include "core/base/matrix_view.h"

namespace elmo {

// A buffer of one worker that grows to the largest size asked for and is then
// reused: a later call of the same size allocates nothing. What it held is lost
// by Get().
template <typename T>
class ScratchBuffer {
 public:
  T* Get(int64_t size) {
    if (static_cast<size_t>(size) > buffer_.size()) {
      // Half as much again, so that slowly growing calls settle.
      const size_t grown = buffer_.size() + buffer_.size() / 2;
      buffer_ = AlignedBuffer<T>();
      buffer_ = AlignedBuffer<T>(std::max<size_t>(size, grown));
    }
    return buffer_.data();
  }

 private:
  AlignedBuffer<T> buffer_;
};

class ScratchMatrix {
 public:
  Matrix Get(int64_t rows, int64_t cols) {
    return Matrix(buffer_.Get(rows * cols), rows, cols);
  }
  // With a cache line between the rows. Rows that are a power of two apart fall
  // into the same few places of a cache and push each other out.
  Matrix GetApart(int64_t rows, int64_t cols) {
    const int64_t stride = cols + 16;
    return Matrix(buffer_.Get(rows * stride), rows, cols, stride);
  }

 private:
  ScratchBuffer<float> buffer_;
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_SCRATCH_H_
