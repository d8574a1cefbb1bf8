#ifndef ELMO_SERVER_OUTPUT_OPTIONS_H_
#define ELMO_SERVER_OUTPUT_OPTIONS_H_

#include "absl/status/status.h"
#include "core/model/model_options.h"
#include "elmo/v1/embedding.pb.h"
#include "server/embed_plan.h"

namespace elmo {

// Fills in the plan's output, encoding and return_tokens from `proto` for a
// model of these dimensions. INVALID_ARGUMENT names the field, the value and
// what is accepted.
absl::Status ReadOutputOptions(const v1::OutputSpec& proto,
                               const ModelOptions& model, EmbedPlan* plan);

}  // namespace elmo

#endif  // ELMO_SERVER_OUTPUT_OPTIONS_H_
