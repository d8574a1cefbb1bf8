#include "client/load/answer_check.h"

#include <future>
#include <memory>
#include <utility>

#include "core/base/status_macros.h"

namespace elmo {
namespace {

absl::StatusOr<v1::EmbedResponse> Embed(EmbedConnection& connection,
                                        const PooledRequest& request) {
  std::promise<absl::StatusOr<v1::EmbedResponse>> promise;
  auto answer = promise.get_future();
  connection.AsyncEmbed({}, request.message,
                        [&promise](absl::StatusOr<v1::EmbedResponse> result) {
                          promise.set_value(std::move(result));
                        });
  return answer.get();
}

// One string a sentence. Timings, which always differ, are not in it.
std::vector<std::string> Serialised(const v1::EmbedResponse& answer) {
  std::vector<std::string> embeddings;
  for (const v1::SentenceEmbedding& embedding : answer.embeddings()) {
    embeddings.push_back(embedding.SerializeAsString());
  }
  return embeddings;
}

}  // namespace

absl::StatusOr<AnswerCheck> AnswerCheck::Ask(
    const std::vector<PooledRequest>& requests, EmbedConnection& connection,
    LoadClock& clock, const std::atomic<bool>& stop,
    const std::function<void(size_t)>& show) {
  AnswerCheck check;
  for (const PooledRequest& request : requests) {
    if (stop) return absl::CancelledError("interrupted");
    const auto sent = clock.Now();
    ELMO_ASSIGN_OR_RETURN(const v1::EmbedResponse answer,
                          Embed(connection, request));
    check.latencies_.push_back(clock.Now() - sent);
    check.embeddings_.push_back(Serialised(answer));
    show(check.embeddings_.size());
  }
  return check;
}

bool AnswerCheck::Matches(size_t index, const v1::EmbedResponse& answer) const {
  return Serialised(answer) == embeddings_[index];
}

}  // namespace elmo
