#ifndef ELMO_CORE_LAYERS_MERGED_LSTM_CELL_H_
#define ELMO_CORE_LAYERS_MERGED_LSTM_CELL_H_

#include "core/layers/lstm_cell.h"
#include "core/layers/packed_matrix.h"

namespace elmo {

// LstmCell with our own kernels. The input half of the product is taken out of
// the recurrence: a chunk of steps at once, which reads those weights once per
// chunk. The recurrent half goes on adding to that sum, then the gates, in one
// pass over the weights per step. Because every element is one chain of
// multiply-adds, it does not matter to the bits how steps are cut into chunks.
class MergedLstmCell final : public LstmCell {
 public:
  MergedLstmCell(const LstmCellWeights& weights, const LstmOptions& options,
                 const Kernels& kernels);

  absl::Status Run(const PackedRows& rows, ConstMatrix input, Matrix h,
                   Matrix c, LstmScratch* scratch,
                   Matrix output) const override;

 private:
  // Rows of the merged product: 128 rows of the released model's gates are
  // 8 MB of each worker. 64 are slower, 256 no faster.
  static constexpr int64_t kChunkRows = 128;

  void RunStep(int64_t rows, bool backward, ConstMatrix gates, Matrix h,
               Matrix c, LstmScratch* scratch) const;

  const Kernels& kernels_;
  const float cell_clip_;
  const float proj_clip_;
  const int64_t input_dim_;
  PackedMatrix input_;       // [P, 4 * padded cells], gates by panel; the bias
  PackedMatrix recurrent_;   // [P, 4 * padded cells]
  PackedMatrix projection_;  // [H, P]; empty without projection
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_MERGED_LSTM_CELL_H_
