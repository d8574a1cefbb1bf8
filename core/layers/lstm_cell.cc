#include "core/layers/lstm_cell.h"

#include "absl/strings/str_cat.h"
#include "core/layers/merged_lstm_cell.h"
#include "core/layers/narrow_lstm_cell.h"
#include "core/layers/primitive_lstm_cell.h"

namespace elmo {

absl::StatusOr<std::unique_ptr<LstmCell>> LstmCell::Create(
    const LstmCellWeights& weights, const LstmOptions& options, int layer,
    const Arithmetic& arithmetic) {
  const bool primitive = arithmetic.path == LstmPath::kPrimitive;
  if (arithmetic.precision != Precision::kF32) {
    if (primitive) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path primitive computes in f32 alone, not in ",
                       PrecisionName(arithmetic.precision)));
    }
    return std::make_unique<NarrowLstmCell>(weights, options,
                                            arithmetic.precision, layer);
  }
  if (primitive) {
    return PrimitiveLstmCell::Create(weights, options, arithmetic.kernels);
  }
  return std::make_unique<MergedLstmCell>(weights, options, arithmetic.kernels);
}

}  // namespace elmo
