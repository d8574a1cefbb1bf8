#ifndef ELMO_CORE_BASE_ALIGNED_BUFFER_H_
#define ELMO_CORE_BASE_ALIGNED_BUFFER_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#include "core/base/check.h"

namespace elmo {

// An array of plain values that starts on a cache line (64 bytes) and is not
// initialised. Movable, not copyable. A large one asks for huge pages, without
// which a step over the weights would wait for address translation.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivial_v<T>);

 public:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kHugePage = size_t{2} << 20;

  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) : size_(size) {
    if (size == 0) return;
    ELMO_CHECK(size <= SIZE_MAX / sizeof(T) - kHugePage);
    const bool large = size * sizeof(T) >= kHugePage;
    const size_t alignment = large ? kHugePage : kAlignment;
    const size_t bytes =
        (size * sizeof(T) + alignment - 1) / alignment * alignment;
    data_.reset(static_cast<T*>(std::aligned_alloc(alignment, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    // Where the system has none, nothing is lost. A last page of which less
    // than half is used is made of small ones.
    if (large) {
      madvise(data_.get(),
              (size * sizeof(T) + kHugePage / 2) / kHugePage * kHugePage,
              MADV_HUGEPAGE);
    }
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_BASE_ALIGNED_BUFFER_H_
