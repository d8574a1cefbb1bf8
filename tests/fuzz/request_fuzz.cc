// Any bytes as an EmbedRequest: refused with one of two codes, or a plan that
// keeps every limit and whose answer has the size that was reckoned.

#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/text/tokenizer.h"
#include "grpcpp/grpcpp.h"
#include "server/embed_job.h"
#include "server/grpc_message.h"
#include "server/message_size.h"
#include "server/request_validator.h"
#include "server/response_builder.h"

namespace {

// Only its dimensions count here.
class DimensionsOnly final : public elmo::Engine {
 public:
  DimensionsOnly() {
    options_.lstm.dim = 4;
    options_.lstm.projection_dim = 1;
    options_.lstm.num_layers = 2;
  }
  const elmo::ModelOptions& options() const override { return options_; }
  std::unique_ptr<Workspace> CreateWorkspace() const override {
    return nullptr;
  }
  absl::Status Run(absl::Span<const elmo::SentenceInput>, Workspace*,
                   absl::Span<elmo::SentenceOutput>) const override {
    return absl::UnimplementedError("never run");
  }

 private:
  elmo::ModelOptions options_;
};

elmo::RequestLimits SmallLimits() {
  elmo::RequestLimits limits;
  limits.max_sentences_per_request = 8;
  limits.max_tokens_per_sentence = 20;
  limits.max_tokens_per_request = 60;
  limits.max_bytes_per_sentence = 100;
  limits.max_response_bytes = 1000;
  return limits;
}

void CheckPlan(const elmo::EmbedPlan& plan, const elmo::RequestLimits& limits) {
  const auto count = static_cast<int64_t>(plan.sentences.size());
  ELMO_CHECK(count >= 1 && count <= limits.max_sentences_per_request);
  int64_t tokens = 0;
  for (const auto& sentence : plan.sentences) {
    const auto size = static_cast<int64_t>(sentence.tokens.size());
    ELMO_CHECK(size <= limits.max_tokens_per_sentence);
    ELMO_CHECK(sentence.ranges.empty() ||
               sentence.ranges.size() == sentence.tokens.size());
    tokens += size;
  }
  ELMO_CHECK(tokens <= limits.max_tokens_per_request);
  ELMO_CHECK(plan.response_bytes <= limits.max_response_bytes);
}

void CheckAnswer(elmo::EmbedPlan plan) {
  const int64_t response_bytes = plan.response_bytes;
  const auto count = static_cast<int>(plan.sentences.size());
  const auto job =
      std::make_shared<elmo::EmbedJob>(std::move(plan), elmo::TimePoint());
  const std::vector<elmo::SentenceTask> tasks =
      job->Start(/*client=*/0, elmo::TimePoint::max(),
                 [](const absl::Status& status) { ELMO_CHECK(status.ok()); });
  for (int i = 0; i < count; ++i) {
    elmo::SentenceResult result;
    result.values.resize(elmo::OutputSize(
        *tasks[i].input.output, job->plan().model->engine->options(),
        static_cast<int64_t>(tasks[i].input.tokens.size())));
    job->SentenceDone(i, absl::OkStatus(), std::move(result));
  }
  const auto response = elmo::BuildResponse(job.get(), elmo::TimePoint());
  int64_t bytes = 0;
  for (const auto& embedding : response.embeddings()) {
    bytes += static_cast<int64_t>(embedding.data().size()) +
             4 * embedding.values_size();
  }
  ELMO_CHECK(bytes == response_bytes);
  grpc::ByteBuffer buffer;
  ELMO_CHECK(elmo::SerializeMessage(response, &buffer).ok());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const elmo::Tokenizer* tokenizer =
      elmo::Tokenizer::Create()->release();
  static const elmo::ModelRegistry* models = [] {
    auto served = std::make_shared<elmo::ServedModel>();
    served->name = "m";
    served->engine = std::make_unique<DimensionsOnly>();
    served->warm_state.emplace();
    auto* registry = new elmo::ModelRegistry;
    ELMO_CHECK(registry->Replace({served}).ok());
    return registry;
  }();
  static const elmo::RequestValidator validator(SmallLimits(), models,
                                                tokenizer);
  const grpc::Slice slice(data, size);
  grpc::ByteBuffer buffer(&slice, 1);
  elmo::v1::EmbedRequest request;
  const absl::Status parsed = elmo::ParseMessage(&buffer, &request);
  ELMO_CHECK(parsed.ok() || absl::IsInvalidArgument(parsed));
  const absl::Status counted = elmo::CheckMessageSize(
      {reinterpret_cast<const char*>(data), size}, validator.limits());
  ELMO_CHECK(counted.ok() || absl::IsInvalidArgument(counted));
  if (!parsed.ok()) return 0;
  // The count is the parser's.
  const auto sentences = static_cast<int64_t>(request.sentences_size());
  ELMO_CHECK(!counted.ok() ||
             sentences <= validator.limits().max_sentences_per_request);
  // The last byte chooses; a session is only for streams.
  const bool in_stream = size > 0 && data[size - 1] % 2 == 1;
  auto plan = validator.Validate(std::move(request), in_stream);
  ELMO_CHECK(plan.ok() || absl::IsInvalidArgument(plan.status()) ||
             absl::IsNotFound(plan.status()));
  if (!plan.ok()) return 0;
  ELMO_CHECK(counted.ok());
  CheckPlan(*plan, validator.limits());
  CheckAnswer(*std::move(plan));
  return 0;
}
