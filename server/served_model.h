#ifndef ELMO_SERVER_SERVED_MODEL_H_
#define ELMO_SERVER_SERVED_MODEL_H_

#include <memory>
#include <optional>
#include <string>

#include "core/engine/engine.h"
#include "core/model/lstm_state.h"
#include "server/batching/batch_model.h"

namespace elmo {

// A model that is loaded. Constant once it is served; requests keep it alive
// until they are answered.
struct ServedModel {
  std::string name;       // As requests name it.
  std::string checksum;   // SHA-256 of the weights, in hexadecimal.
  std::string precision;  // A PrecisionName().
  std::optional<LstmState> warm_state;
  std::unique_ptr<const Engine> engine;
  // For the workers; PrepareModel() sets it.
  std::unique_ptr<const BatchModel> batch_model;
};

// Runs the model once alone and once with several sentences, so that the first
// callers do not pay for what happens once, and measures what batches cost;
// makes the workspaces of `workers`. INTERNAL where the model fails to run,
// RESOURCE_EXHAUSTED where memory is short.
absl::StatusOr<std::shared_ptr<const ServedModel>> PrepareModel(
    ServedModel model, int workers);

}  // namespace elmo

#endif  // ELMO_SERVER_SERVED_MODEL_H_
