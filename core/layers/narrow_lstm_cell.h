#ifndef ELMO_CORE_LAYERS_NARROW_LSTM_CELL_H_
#define ELMO_CORE_LAYERS_NARROW_LSTM_CELL_H_

#include "core/layers/lstm_cell.h"
#include "core/layers/narrow_kernels.h"
#include "core/layers/packed_narrow_matrix.h"

namespace elmo {

// MergedLstmCell in a low precision: weights, inputs, h and the hidden values
// are narrowed where they enter a product; sums, gates, cell states, clips and
// what is returned are float32.
//
// Scales of int8: hidden values lie within tanh(cell clip), h within the
// projection clip, and so does what a layer hands to the next (times the number
// of layers that a skip connection has added up). Where no clip says so, as for
// token vectors, each row has the scale of its own largest value.
class NarrowLstmCell final : public LstmCell {
 public:
  // `precision`: kBf16 or kInt8. `layer` counts from 0.
  NarrowLstmCell(const LstmCellWeights& weights, const LstmOptions& options,
                 Precision precision, int layer);

  absl::Status Run(const PackedRows& rows, ConstMatrix input, Matrix h,
                   Matrix c, LstmScratch* scratch,
                   Matrix output) const override;

 private:
  // Rows of the merged product. Less than MergedLstmCell's: beside narrow
  // weights the gates, float32 always, take the larger part of the cache.
  static constexpr int64_t kChunkRows = 128;

  void RunStep(int64_t rows, bool backward, ConstMatrix gates, Matrix h,
               Matrix c, LstmScratch* scratch) const;

  const NarrowKernels& kernels_;
  const Precision precision_;
  const float cell_clip_;
  const float proj_clip_;
  const NarrowBound input_bound_;
  const NarrowBound h_bound_;
  const float hidden_bound_;
  PackedNarrowMatrix input_;       // [P, 4 * padded cells], gates by panel
  PackedNarrowMatrix recurrent_;   // [P, 4 * padded cells]
  PackedNarrowMatrix projection_;  // [H, P]
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_NARROW_LSTM_CELL_H_
