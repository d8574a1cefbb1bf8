#ifndef ELMO_CORE_MODEL_WEIGHT_SINK_H_
#define ELMO_CORE_MODEL_WEIGHT_SINK_H_

#include "absl/status/status.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"

namespace elmo {

// Takes a model's weights part by part, so that nobody has to hold all of them.
// Begin() comes first, then each part once, in any order. A view is valid until
// the call returns. The first failure is the last call.
class WeightSink {
 public:
  virtual ~WeightSink() = default;

  virtual absl::Status Begin(const ModelOptions& options) = 0;
  virtual absl::Status TakeCharCnn(const CharCnnWeights& weights) = 0;
  // `direction`: 0 forward, 1 backward; `layer` counts from 0.
  virtual absl::Status TakeCell(int direction, int layer,
                                const LstmCellWeights& weights) = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_WEIGHT_SINK_H_
