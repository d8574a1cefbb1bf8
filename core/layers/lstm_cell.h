#ifndef ELMO_CORE_LAYERS_LSTM_CELL_H_
#define ELMO_CORE_LAYERS_LSTM_CELL_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/matrix_view.h"
#include "core/base/team.h"
#include "core/layers/kernels.h"
#include "core/layers/packed_narrow_matrix.h"
#include "core/layers/packed_rows.h"
#include "core/layers/precision.h"
#include "core/layers/scratch.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"

namespace elmo {

// How the recurrence is computed. One path per process: the two round
// differently.
enum class LstmPath {
  // The faster by measurement (docs/adr/0002-own-kernels.md): merged.
  kAuto,
  // oneDNN's lstm_forward, one step at a time.
  kPrimitive,
  // The input product of many steps at once, then fused steps on it.
  kMerged,
};

// Scratch of one worker for any cell, and the cells' results.
struct LstmScratch {
  ScratchMatrix gates;          // merged: input product of a chunk of steps
  ScratchMatrix hidden;         // o * tanh(c), before the projection
  ScratchMatrix group;          // merged: gates of one panel, by member
  NarrowRows narrow_input;      // low precisions: a chunk of steps
  NarrowRows narrow_h;          // low precisions
  NarrowRows narrow_hidden;     // low precisions
  ScratchMatrix step;           // primitive: contiguous copies of a step
  ScratchBuffer<uint8_t> dnnl;  // primitive: oneDNN's scratchpad
  // Called before each step, if not null; not owned. See Engine::Workspace.
  const std::function<void()>* between_steps = nullptr;
  // Shares the work of each step, if not null; not owned. The merged path only.
  Team* team = nullptr;
};

// One cell, that is one layer in one direction: the recurrence over packed rows
// with the clips of the original,
//   z = [in_t ; h] W + b;  c = clip(sig(f + 1) c + sig(i) tanh(j));
//   h = clip((sig(o) tanh(c)) W_P)          gates i, j, f, o
// (TensorFlow's LSTMCell, as bilm-tf uses it). Without a projection h is not
// clipped, as there.
//
// A row depends on its own input and start state alone, bit for bit.
//
// Thread-safe: Run() may be called concurrently with distinct scratch.
class LstmCell {
 public:
  // How to compute. `precision` is one that CheckCpuFor() is content with; the
  // low ones have one path. `kernels` must outlive the cell.
  struct Arithmetic {
    const Kernels& kernels;
    LstmPath path = LstmPath::kAuto;
    Precision precision = Precision::kF32;
  };
  // Packs the weights; keeps no reference to them. `layer` counts from 0.
  // INVALID_ARGUMENT for a path that the precision does not have, INTERNAL if
  // oneDNN refuses.
  static absl::StatusOr<std::unique_ptr<LstmCell>> Create(
      const LstmCellWeights& weights, const LstmOptions& options, int layer,
      const Arithmetic& arithmetic);
  virtual ~LstmCell() = default;

  // Widths of h and c as this cell keeps them, padding included.
  int64_t padded_h() const { return padded_h_; }
  int64_t padded_c() const { return padded_c_; }

  // Shapes: input [rows.total(), at least P columns]; h [rows.max_rows(),
  // padded_h()] and c [rows.max_rows(), padded_c()] hold the start state and,
  // afterwards, each sentence's own final state; output [rows.total(),
  // padded_h()] receives every step's h. Padding columns of h must be readable;
  // those of c zero.
  virtual absl::Status Run(const PackedRows& rows, ConstMatrix input, Matrix h,
                           Matrix c, LstmScratch* scratch,
                           Matrix output) const = 0;

 protected:
  LstmCell(int64_t padded_h, int64_t padded_c)
      : padded_h_(padded_h), padded_c_(padded_c) {}

 private:
  const int64_t padded_h_;
  const int64_t padded_c_;
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_LSTM_CELL_H_
