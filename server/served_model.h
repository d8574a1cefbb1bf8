#ifndef ELMO_SERVER_SERVED_MODEL_H_
#define ELMO_SERVER_SERVED_MODEL_H_

#include <memory>
#include <optional>
#include <string>

#include "core/engine/engine.h"
#include "core/model/lstm_state.h"

namespace elmo {

// A model that is loaded and ready to answer. Constant once it is served.
struct ServedModel {
  std::string name;       // As requests name it.
  std::string checksum;   // SHA-256 of the weights, in hexadecimal.
  std::string precision;  // Arithmetic of the LSTMs: "f32".
  std::optional<LstmState> warm_state;
  std::unique_ptr<const Engine> engine;
};

}  // namespace elmo

#endif  // ELMO_SERVER_SERVED_MODEL_H_
