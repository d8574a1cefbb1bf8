#include "client/embed_client.h"

#include <utility>

#include "core/base/status_macros.h"

namespace elmo {
namespace {

v1::EmbedRequest CommonRequest(const EmbedParams& params) {
  v1::EmbedRequest request;
  request.set_model(params.model);
  *request.mutable_output() = params.output;
  request.set_start_state(params.start_state);
  return request;
}

}  // namespace

EmbedClient::EmbedClient(std::shared_ptr<EmbedConnection> connection,
                         const BulkOptions& bulk_options)
    : connection_(std::move(connection)), bulk_options_(bulk_options) {}

absl::StatusOr<std::vector<SentenceVectors>> EmbedClient::Embed(
    const std::vector<v1::Sentence>& sentences, const EmbedParams& params) {
  std::vector<SentenceVectors> all;
  all.reserve(sentences.size());
  const SentenceSink keep = [&all](SentenceVectors vectors) {
    all.push_back(std::move(vectors));
    return absl::OkStatus();
  };
  VectorSource source(sentences);
  if (sentences.size() < 2) {  // Nothing to cut, so no limits to ask for.
    BulkEmbedder one(*connection_, {params.timeout}, v1::Model(),
                     CommonRequest(params), bulk_options_);
    ELMO_RETURN_IF_ERROR(one.Run(source, keep));
  } else {
    ELMO_RETURN_IF_ERROR(EmbedAll(source, params, keep));
  }
  return all;
}

absl::Status EmbedClient::EmbedAll(SentenceSource& source,
                                   const EmbedParams& params,
                                   const SentenceSink& sink) {
  ELMO_ASSIGN_OR_RETURN(const v1::Model model, KnownModel(params));
  const CallOptions call_options{params.timeout, /*wait_for_ready=*/true};
  BulkEmbedder bulk(*connection_, call_options, model, CommonRequest(params),
                    bulk_options_);
  return bulk.Run(source, sink);
}

absl::StatusOr<v1::Model> EmbedClient::GetModel(
    const std::string& name, std::optional<std::chrono::milliseconds> timeout) {
  v1::GetModelRequest request;
  request.set_model(name);
  return connection_->GetModel({timeout}, request);
}

absl::StatusOr<v1::Model> EmbedClient::KnownModel(const EmbedParams& params) {
  {
    MutexLock lock(&mu_);
    const auto known = models_.find(params.model);
    if (known != models_.end()) return known->second;
  }
  // Not under the lock: it may take as long as a timeout.
  ELMO_ASSIGN_OR_RETURN(v1::Model model,
                        GetModel(params.model, params.timeout));
  MutexLock lock(&mu_);
  return models_.insert_or_assign(params.model, std::move(model)).first->second;
}

}  // namespace elmo
