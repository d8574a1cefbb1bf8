#include "server/request_validator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/output_options.h"

namespace elmo {
namespace {

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status ChooseStartState(int start_state, bool in_stream,
                              EmbedPlan* plan) {
  const ServedModel& model = *plan->model;
  const LstmState* warm =
      model.warm_state.has_value() ? &*model.warm_state : nullptr;
  switch (start_state) {
    case v1::DEFAULT:
      plan->start_state = warm;
      return absl::OkStatus();
    case v1::ZERO:
      return absl::OkStatus();
    case v1::WARM:
      plan->start_state = warm;
      if (warm != nullptr) return absl::OkStatus();
      return Invalid("start_state is WARM; model \"", model.name,
                     "\" has no warm state");
    case v1::SESSION:
      plan->session = true;
      if (in_stream) return absl::OkStatus();
      return Invalid("start_state is SESSION; only EmbedStream has sessions");
    default:
      return Invalid("start_state is ", start_state, "; known are 0 to 3");
  }
}

}  // namespace

absl::StatusOr<EmbedPlan> RequestValidator::Validate(v1::EmbedRequest request,
                                                     bool in_stream) const {
  EmbedPlan plan;
  ELMO_ASSIGN_OR_RETURN(plan.model, models_->Find(request.model()));
  ELMO_RETURN_IF_ERROR(CheckSizes(request));
  ELMO_RETURN_IF_ERROR(ReadOutputOptions(request.output(),
                                         plan.model->engine->options(), &plan));
  ELMO_RETURN_IF_ERROR(ChooseStartState(static_cast<int>(request.start_state()),
                                        in_stream, &plan));
  bool has_text = false;
  for (const v1::Sentence& s : request.sentences()) {
    has_text |= !s.text().empty();
  }
  const auto start = std::chrono::steady_clock::now();
  ELMO_RETURN_IF_ERROR(TakeSentences(&request, &plan));
  if (has_text) {
    plan.tokenization_time = std::chrono::steady_clock::now() - start;
  }
  ELMO_RETURN_IF_ERROR(CheckResponseSize(&plan));
  return plan;
}

absl::Status RequestValidator::CheckSizes(
    const v1::EmbedRequest& request) const {
  const int count = request.sentences_size();
  if (count == 0) return Invalid("sentences has 0 entries; at least 1 needed");
  if (count > limits_.max_sentences_per_request) {
    return Invalid("sentences has ", count, " entries; limit is ",
                   limits_.max_sentences_per_request);
  }
  for (int i = 0; i < count; ++i) {
    const v1::Sentence& sentence = request.sentences(i);
    const int num_tokens = sentence.tokens_size();
    if (!sentence.text().empty() && num_tokens > 0) {
      return Invalid("sentences[", i, "] has text (", sentence.text().size(),
                     " bytes) and tokens (", num_tokens,
                     "); only one of the two may be set");
    }
    if (num_tokens > limits_.max_tokens_per_sentence) {
      return Invalid("sentences[", i, "].tokens has ", num_tokens,
                     " tokens; limit is ", limits_.max_tokens_per_sentence);
    }
    int64_t bytes = static_cast<int64_t>(sentence.text().size());
    for (const std::string& token : sentence.tokens()) {
      bytes += static_cast<int64_t>(token.size());
    }
    if (bytes > limits_.max_bytes_per_sentence) {
      return Invalid("sentences[", i, "].", num_tokens > 0 ? "tokens" : "text",
                     " has ", bytes, " bytes; limit is ",
                     limits_.max_bytes_per_sentence);
    }
  }
  return absl::OkStatus();
}

absl::Status RequestValidator::TakeSentences(v1::EmbedRequest* request,
                                             EmbedPlan* plan) const {
  const int count = request->sentences_size();
  plan->sentences.resize(count);
  int64_t total = 0;
  for (int i = 0; i < count; ++i) {
    EmbedPlan::Sentence& sentence = plan->sentences[i];
    ELMO_RETURN_IF_ERROR(
        TakeSentence(i, request->mutable_sentences(i), &sentence));
    total += static_cast<int64_t>(sentence.tokens.size());
    if (total > limits_.max_tokens_per_request) {
      return Invalid("sentences has ", total, " tokens up to sentences[", i,
                     "]; limit of a request is ",
                     limits_.max_tokens_per_request);
    }
  }
  return absl::OkStatus();
}

absl::Status RequestValidator::TakeSentence(int index, v1::Sentence* sentence,
                                            EmbedPlan::Sentence* result) const {
  if (sentence->text().empty()) {
    result->tokens.reserve(sentence->tokens_size());
    for (std::string& token : *sentence->mutable_tokens()) {
      result->tokens.push_back(std::move(token));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<Token>> tokens =
      tokenizer_->Tokenize(sentence->text());
  if (!tokens.ok()) {
    return absl::Status(tokens.status().code(),
                        absl::StrCat("sentences[", index,
                                     "].text: ", tokens.status().message()));
  }
  const auto num_tokens = static_cast<int64_t>(tokens->size());
  if (num_tokens > limits_.max_tokens_per_sentence) {
    return Invalid("sentences[", index, "].text has ", num_tokens,
                   " tokens; limit is ", limits_.max_tokens_per_sentence);
  }
  result->tokens.reserve(tokens->size());
  result->ranges.reserve(tokens->size());
  for (Token& token : *tokens) {
    result->tokens.push_back(std::move(token.text));
    result->ranges.emplace_back(token.begin, token.end);
  }
  return absl::OkStatus();
}

absl::Status RequestValidator::CheckResponseSize(EmbedPlan* plan) const {
  int64_t numbers = 0;
  for (const EmbedPlan::Sentence& sentence : plan->sentences) {
    numbers += OutputSize(plan->output, plan->model->engine->options(),
                          static_cast<int64_t>(sentence.tokens.size()));
  }
  plan->response_bytes = numbers * BytesPerNumber(plan->encoding);
  if (plan->response_bytes > limits_.max_response_bytes) {
    return Invalid("sentences would be answered with ", plan->response_bytes,
                   " bytes of vectors; limit is ", limits_.max_response_bytes,
                   "; send fewer tokens, or choose fewer layers, pooling or a "
                   "16-bit encoding in output");
  }
  return absl::OkStatus();
}

}  // namespace elmo
