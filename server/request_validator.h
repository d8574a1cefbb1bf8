#ifndef ELMO_SERVER_REQUEST_VALIDATOR_H_
#define ELMO_SERVER_REQUEST_VALIDATOR_H_

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"
#include "elmo/v1/embedding.pb.h"
#include "server/embed_plan.h"
#include "server/model_registry.h"
#include "server/request_limits.h"

namespace elmo {

// The door: what comes out is safe to run. Checks everything that a request can
// get wrong before anything is computed, cheap checks first; text is split into
// tokens here.
//
// Thread-safe. Keeps references to `models` and `tokenizer`.
class RequestValidator {
 public:
  RequestValidator(const RequestLimits& limits, const ModelRegistry* models,
                   const Tokenizer* tokenizer)
      : limits_(limits), models_(models), tokenizer_(tokenizer) {}

  // Consumes the request. INVALID_ARGUMENT names the field, the value and the
  // limit; NOT_FOUND: no such model. Messages never hold the caller's text.
  // Sessions are only for streams.
  absl::StatusOr<EmbedPlan> Validate(v1::EmbedRequest request,
                                     bool in_stream = false) const;

  const ModelRegistry& models() const { return *models_; }

  const RequestLimits& limits() const { return limits_; }

 private:
  absl::Status CheckSizes(const v1::EmbedRequest& request) const;
  // Fills in plan->sentences.
  absl::Status TakeSentences(v1::EmbedRequest* request, EmbedPlan* plan) const;
  absl::Status TakeSentence(int index, v1::Sentence* sentence,
                            EmbedPlan::Sentence* result) const;
  // Fills in plan->response_bytes.
  absl::Status CheckResponseSize(EmbedPlan* plan) const;

  const RequestLimits limits_;
  const ModelRegistry* const models_;
  const Tokenizer* const tokenizer_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_REQUEST_VALIDATOR_H_
