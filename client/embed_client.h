#ifndef ELMO_CLIENT_EMBED_CLIENT_H_
#define ELMO_CLIENT_EMBED_CLIENT_H_

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/bulk_embedder.h"
#include "client/client_options.h"
#include "client/embed_connection.h"
#include "client/sentence_source.h"
#include "client/sentence_vectors.h"
#include "core/base/mutex.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo {

// What to compute, for all sentences of a call. The default: the default
// model's average of all layers, one float32 vector per token.
struct EmbedParams {
  std::string model;
  v1::OutputSpec output;
  v1::StartState start_state = v1::DEFAULT;
  // For each request that the sentences are sent in. Absent: the connection's.
  std::optional<std::chrono::milliseconds> timeout;
};

// ELMo vectors from a server:
//
//   EmbedClient client(MakeGrpcConnection({}));
//   auto result = client.Embed({TextSentence("He sat on the bank.")}, {});
//   if (!result.ok()) return result.status();
//   for (int64_t row = 0; row < (*result)[0].rows; ++row)
//     Use((*result)[0].vector(/*layer=*/0, row), (*result)[0].dim);
//
// Errors are the server's: INVALID_ARGUMENT, NOT_FOUND (model), UNAVAILABLE
// (after the retries of ClientOptions), DEADLINE_EXCEEDED, CANCELLED; INTERNAL
// also for an answer that does not fit its request. The client checks no limit
// itself; it asks for them once per model, in order to cut many sentences into
// requests that the server accepts.
//
// Thread-safe: calls may overlap.
class EmbedClient {
 public:
  explicit EmbedClient(std::shared_ptr<EmbedConnection> connection,
                       const BulkOptions& bulk_options = {});

  // The vectors of each sentence, in order. Any number of sentences; all their
  // vectors must fit in memory. Nothing is returned where one of them fails.
  absl::StatusOr<std::vector<SentenceVectors>> Embed(
      const std::vector<v1::Sentence>& sentences, const EmbedParams& params);

  // The same for a stream of any length, in bounded memory: see BulkEmbedder.
  // Once the server has answered, an outage of it is waited out for as long as
  // a request's timeout allows.
  absl::Status EmbedAll(SentenceSource& source, const EmbedParams& params,
                        const SentenceSink& sink);

  // One model and its limits, as the server says now; "" is the default model.
  absl::StatusOr<v1::Model> GetModel(
      const std::string& name,
      std::optional<std::chrono::milliseconds> timeout = std::nullopt);

 private:
  // GetModel, once per name.
  absl::StatusOr<v1::Model> KnownModel(const EmbedParams& params);

  const std::shared_ptr<EmbedConnection> connection_;
  const BulkOptions bulk_options_;

  Mutex mu_;
  std::map<std::string, v1::Model> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_CLIENT_EMBED_CLIENT_H_
