#ifndef ELMO_CORE_LAYERS_PRIMITIVE_LSTM_CELL_H_
#define ELMO_CORE_LAYERS_PRIMITIVE_LSTM_CELL_H_

#include <map>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/base/mutex.h"
#include "core/layers/lstm_cell.h"
#include "core/layers/packed_matrix.h"

namespace elmo {

// LstmCell on oneDNN's lstm_forward, one step at a time. The library has no
// cell clip, so it is made good after each step, exactly: h = o * tanh(c),
// therefore where |c| > clip,  h *= tanh(clip) / tanh(|c|)  and  c = +-clip.
class PrimitiveLstmCell final : public LstmCell {
 public:
  static absl::StatusOr<std::unique_ptr<LstmCell>> Create(
      const LstmCellWeights& weights, const LstmOptions& options,
      const Kernels& kernels);

  absl::Status Run(const PackedRows& rows, ConstMatrix input, Matrix h,
                   Matrix c, LstmScratch* scratch,
                   Matrix output) const override;

 private:
  // lstm_forward for one number of rows.
  struct Step {
    dnnl::lstm_forward::primitive_desc descriptor;
    dnnl::lstm_forward primitive;
  };
  // The contiguous arrays of a call, `rows` rows each.
  struct StepBuffers;

  PrimitiveLstmCell(const LstmOptions& options, const Kernels& kernels);

  // These may throw dnnl::error.
  void PackWeights(const LstmCellWeights& weights);
  const Step& StepFor(int64_t rows) const ABSL_LOCKS_EXCLUDED(mu_);
  void RunAll(const PackedRows& rows, ConstMatrix input, Matrix h, Matrix c,
              LstmScratch* scratch, Matrix output) const;
  // One call of the library with `rows` rows, of which the matrices hold the
  // first; the others run on zeros.
  void RunGroup(int64_t rows, ConstMatrix input, ConstMatrix h, Matrix c,
                Matrix hidden, LstmScratch* scratch,
                dnnl::stream* stream) const;
  void ClipAndStore(const StepBuffers& buffers, Matrix c, Matrix hidden) const;

  const Kernels& kernels_;
  const LstmOptions options_;
  PackedMatrix projection_;  // Empty without projection.
  dnnl::memory weights_layer_;
  dnnl::memory weights_iter_;
  dnnl::memory bias_;
  // Rows of a call of the library; 0: as many as there are.
  int64_t row_group_ = 0;

  mutable Mutex mu_;
  // Made when a number of rows first occurs; entries stay where they are.
  mutable std::map<int64_t, std::unique_ptr<const Step>> steps_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_PRIMITIVE_LSTM_CELL_H_
