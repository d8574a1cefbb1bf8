#include "core/layers/lstm_cell.h"

#include "core/layers/merged_lstm_cell.h"
#include "core/layers/primitive_lstm_cell.h"

namespace elmo {

absl::StatusOr<std::unique_ptr<LstmCell>> LstmCell::Create(
    const LstmCellWeights& weights, const LstmOptions& options, LstmPath path,
    const Kernels& kernels) {
  if (path == LstmPath::kPrimitive) {
    return PrimitiveLstmCell::Create(weights, options, kernels);
  }
  return std::make_unique<MergedLstmCell>(weights, options, kernels);
}

}  // namespace elmo
