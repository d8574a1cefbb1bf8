#ifndef ELMO_CLIENT_REQUEST_PLANNER_H_
#define ELMO_CLIENT_REQUEST_PLANNER_H_

#include <cstdint>

#include "elmo/v1/embedding.pb.h"

namespace elmo {

// Tokens of a sentence: exact for tokens; for text a count that the server's
// tokeniser seldom passes (each run of ASCII letters and digits, each other
// character that is not a blank). Too high in scripts that are not ASCII, where
// it costs a few more requests.
int64_t EstimateTokens(const v1::Sentence& sentence);

// Decides how many sentences go into one request: the server's limits, as far
// as the client can foresee them. It refuses nothing: a sentence that fits
// nowhere goes alone, and the server has the word. Thread-compatible.
class RequestPlanner {
 public:
  // Limits that `model` does not state (0) do not bind. The request's fixed
  // part is `request`; `max_tokens` is the client's own wish.
  RequestPlanner(const v1::Model& model, const v1::EmbedRequest& request,
                 int64_t max_tokens);

  // Adds the sentence to the present request and returns true; or returns false
  // and adds nothing where the request is full. An empty request takes any.
  bool Add(const v1::Sentence& sentence);

  // The next request starts.
  void Reset() { used_ = {}; }

 private:
  struct Load {
    int64_t sentences = 0;
    int64_t tokens = 0;
    int64_t request_bytes = 0;
    int64_t response_bytes = 0;
  };

  Load limit_;             // Constant after construction.
  int64_t fixed_bytes_;    // The request without sentences.
  int64_t bytes_per_row_;  // Of the answer.
  int64_t extra_rows_;     // Boundaries of each sentence.
  bool pooled_;
  Load used_;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_REQUEST_PLANNER_H_
