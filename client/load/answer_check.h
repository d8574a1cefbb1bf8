#ifndef ELMO_CLIENT_LOAD_ANSWER_CHECK_H_
#define ELMO_CLIENT_LOAD_ANSWER_CHECK_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/embed_connection.h"
#include "client/load/load_clock.h"
#include "client/load/request_pool.h"

namespace elmo {

// The answers of a server without load, to compare those under load with: the
// vectors of a sentence may not depend on its company, not in one bit.
//
// Matches() is thread-safe.
class AnswerCheck {
 public:
  // Sends every request once, one after another, and keeps the answers'
  // vectors. `show(done)` is told how many there are. Ends with CANCELLED where
  // `stop` turns true, else with the first error of the server.
  static absl::StatusOr<AnswerCheck> Ask(
      const std::vector<PooledRequest>& requests, EmbedConnection& connection,
      LoadClock& clock, const std::atomic<bool>& stop,
      const std::function<void(size_t done)>& show);

  // Whether the answer to request `index` has the same embeddings, all bytes.
  bool Matches(size_t index, const v1::EmbedResponse& answer) const;

  // How long each request took, alone.
  const std::vector<std::chrono::nanoseconds>& latencies() const {
    return latencies_;
  }

 private:
  std::vector<std::vector<std::string>> embeddings_;  // Serialised.
  std::vector<std::chrono::nanoseconds> latencies_;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_ANSWER_CHECK_H_
