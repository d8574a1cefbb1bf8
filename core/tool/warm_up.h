#ifndef ELMO_CORE_TOOL_WARM_UP_H_
#define ELMO_CORE_TOOL_WARM_UP_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/model/lstm_state.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"

namespace elmo {

struct WarmUpResult {
  LstmState state;
  // "12 sentences, 240 tokens, SHA-256 of the text ..."
  std::string description;
};

// The state in which a model stands after reading a text: one sentence a line,
// split into words as the server does it, empty lines skipped. The first
// sentence starts from zero, each further one where the one before it ended, as
// the original programs carry state. A package that starts every sentence there
// comes close to them and stays repeatable.
//
// INVALID_ARGUMENT names the file and the line: not UTF-8, a sentence that is
// too long, a text that is too large or has no words.
absl::StatusOr<WarmUpResult> WarmUp(const ModelOptions& options,
                                    const ModelWeights& weights,
                                    const std::string& text_path);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_WARM_UP_H_
