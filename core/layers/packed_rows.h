#ifndef ELMO_CORE_LAYERS_PACKED_ROWS_H_
#define ELMO_CORE_LAYERS_PACKED_ROWS_H_

#include <cstdint>
#include <vector>

#include "core/base/check.h"

namespace elmo {

// How sentences of different lengths lie in one matrix without padding: sorted
// longest first and time-major, so the rows that still run at a step are a
// prefix, and a step is a contiguous block.
//
//   matrix row of sentence row r at step t:  offset(t) + r,  r < rows_at(t)
//
// Thread-compatible.
class PackedRows {
 public:
  PackedRows() = default;

  // `lengths` of the rows in steps, at least 1 each, longest first.
  void Assign(const std::vector<int64_t>& lengths) {
    const int64_t steps = lengths.empty() ? 0 : lengths.front();
    offsets_.assign(1, 0);
    int64_t active = static_cast<int64_t>(lengths.size());
    for (int64_t t = 0; t < steps; ++t) {
      while (active > 0 && lengths[active - 1] <= t) --active;
      offsets_.push_back(offsets_.back() + active);
    }
  }

  int64_t steps() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t total() const { return offsets_.back(); }
  int64_t max_rows() const { return steps() == 0 ? 0 : rows_at(0); }
  int64_t offset(int64_t t) const { return offsets_[t]; }
  int64_t rows_at(int64_t t) const { return offsets_[t + 1] - offsets_[t]; }
  // The end of the longest run of whole steps from step t that has no more than
  // max_rows rows; at least one step.
  int64_t ChunkEnd(int64_t t, int64_t max_rows) const {
    int64_t end = t + 1;
    while (end < steps() && offset(end + 1) - offset(t) <= max_rows) ++end;
    return end;
  }

 private:
  std::vector<int64_t> offsets_ = {0};
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_PACKED_ROWS_H_
