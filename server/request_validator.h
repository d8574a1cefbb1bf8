#ifndef ELMO_SERVER_REQUEST_VALIDATOR_H_
#define ELMO_SERVER_REQUEST_VALIDATOR_H_

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"
#include "elmo/v1/embedding.pb.h"
#include "server/embed_plan.h"
#include "server/request_limits.h"

namespace elmo {

// The door: what comes out is safe to run. Checks everything that a request can
// get wrong before anything is computed, cheap checks first; text is split into
// tokens here.
//
// Thread-safe. Keeps references to `model` and `tokenizer`.
class RequestValidator {
 public:
  RequestValidator(const RequestLimits& limits, const ServedModel* model,
                   const Tokenizer* tokenizer)
      : limits_(limits), model_(model), tokenizer_(tokenizer) {}

  // Consumes the request. INVALID_ARGUMENT names the field, the value and the
  // limit; NOT_FOUND: no such model. Messages never hold the caller's text.
  absl::StatusOr<EmbedPlan> Validate(v1::EmbedRequest request) const;

  // The model of that name; empty: the default one. NOT_FOUND where there is
  // none.
  absl::StatusOr<const ServedModel*> FindModel(std::string_view name) const;

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
  const ServedModel* const model_;
  const Tokenizer* const tokenizer_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_REQUEST_VALIDATOR_H_
