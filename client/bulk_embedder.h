#ifndef ELMO_CLIENT_BULK_EMBEDDER_H_
#define ELMO_CLIENT_BULK_EMBEDDER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "client/embed_connection.h"
#include "client/request_planner.h"
#include "client/sentence_source.h"
#include "client/sentence_vectors.h"
#include "core/base/mutex.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo {

// Takes one sentence's vectors. An error stops the embedding and is its result.
using SentenceSink = std::function<absl::Status(SentenceVectors)>;

// One stream of sentences through `Embed` calls: cuts it into requests, keeps
// several under way and delivers in the order of the source. Memory: the
// requests and answers of BulkOptions::max_in_flight requests, however long the
// stream. Source and sink run on the thread of Run().
//
// A request of several sentences that is refused for what it is (too many, too
// large an answer) goes again as two halves: the limits that GetModel gave are
// a forecast, the server has the word.
//
// For one Run(), by one thread.
class BulkEmbedder {
 public:
  // `request` is what all requests have in common: model, output, start state.
  // `connection` must outlive this object.
  BulkEmbedder(EmbedConnection& connection, const CallOptions& call_options,
               const v1::Model& model, const v1::EmbedRequest& request,
               const BulkOptions& options);

  // The first error of the source, the server or the sink; what came before a
  // source's error is delivered. Field paths such as
  // "sentences[3].text" in the server's message are rewritten to count from the
  // start of the source. When it returns, no call is under way.
  absl::Status Run(SentenceSource& source, const SentenceSink& sink);

 private:
  // Where a callback leaves its answer; it may outlive this object.
  struct Mailbox {
    Mutex mu;
    CondVar finished;
    std::optional<absl::StatusOr<v1::EmbedResponse>> answer ABSL_GUARDED_BY(mu);
  };

  // A request under way.
  struct Call {
    int64_t first = 0;  // Index of its first sentence in the source.
    std::shared_ptr<const v1::EmbedRequest> request;
    std::shared_ptr<Mailbox> mailbox;
    EmbedConnection::Cancel cancel;
  };

  absl::Status RunToEnd(SentenceSource& source, const SentenceSink& sink);
  // Reads until the next request is full, or the source ends or must wait.
  void Gather(SentenceSource& source);
  Call Start(std::shared_ptr<v1::EmbedRequest> request, int64_t first);
  // Waits for the oldest request; delivers it or splits it.
  absl::Status FinishOldest(const SentenceSink& sink);
  absl::Status Deliver(const Call& call, const v1::EmbedResponse& response,
                       const SentenceSink& sink) const;
  void SplitOldest();
  void CancelAll();

  EmbedConnection& connection_;
  const CallOptions call_options_;
  const v1::EmbedRequest common_;
  const size_t max_in_flight_;

  RequestPlanner planner_;
  std::shared_ptr<v1::EmbedRequest> next_;  // Being gathered.
  int64_t next_first_ = 0;
  std::optional<v1::Sentence> left_over_;  // Read, but not in a request yet.
  bool source_ended_ = false;
  absl::Status source_status_;  // Why, told once all before it is delivered.
  std::deque<Call> in_flight_;  // Oldest first.
};

}  // namespace elmo

#endif  // ELMO_CLIENT_BULK_EMBEDDER_H_
