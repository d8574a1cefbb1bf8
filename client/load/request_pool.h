#ifndef ELMO_CLIENT_LOAD_REQUEST_POOL_H_
#define ELMO_CLIENT_LOAD_REQUEST_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/sentence_source.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo {

// A request that the load sends again and again.
struct PooledRequest {
  std::shared_ptr<const v1::EmbedRequest> message;
  int32_t sentences = 0;
  // Given tokens, or words between blanks where the server splits the text.
  int32_t tokens = 0;
};

struct RequestPoolOptions {
  // Different requests; the load draws from them.
  int distinct = 256;
  int sentences_per_request = 1;
  uint64_t seed = 1;
  // Lengths of invented sentences: log-normal with this mean; `spread` is the
  // standard deviation of the logarithm. Cut to 1..max_tokens. 0.6 is that of
  // running English text.
  double mean_tokens = 20;
  double spread = 0.6;
  int max_tokens = 256;
};

// Invented sentences of pronounceable words, sent as tokens; a few words are
// frequent and most are rare, as in real text. `prototype` holds what the
// requests have in common.
std::vector<PooledRequest> InventRequests(const RequestPoolOptions& options,
                                          const v1::EmbedRequest& prototype);

// The sentences of `source` in their order, sentences_per_request at a time, as
// many as there are up to `distinct` requests. FAILED_PRECONDITION where there
// is none.
absl::StatusOr<std::vector<PooledRequest>> ReadRequests(
    const RequestPoolOptions& options, const v1::EmbedRequest& prototype,
    SentenceSource* source);

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_REQUEST_POOL_H_
