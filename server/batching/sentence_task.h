#ifndef ELMO_SERVER_BATCHING_SENTENCE_TASK_H_
#define ELMO_SERVER_BATCHING_SENTENCE_TASK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/engine/engine.h"
#include "server/batching/batch_model.h"
#include "server/batching/time.h"

namespace elmo {

// What became of one sentence.
struct SentenceResult {
  std::vector<float> values;  // As SentenceOutput::values; empty on an error.
  Duration queue_time{};      // Accepted until a worker took it.
  Duration compute_time{};    // In the engine; zero where it did not run.
};

// Who sent sentences and wants their results. Thread-safe.
class TaskOwner {
 public:
  virtual ~TaskOwner() = default;

  // True once the results are of no use any more: what still waits then leaves
  // the queue without being run. Never goes back to false.
  virtual bool cancelled() const = 0;

  // The end of sentence `index`: called exactly once for each accepted
  // sentence, on a worker's thread, or on that of who withdraws it, and outside
  // all locks. DEADLINE_EXCEEDED or
  // CANCELLED: it was not run. INTERNAL: the engine failed. Must not throw.
  virtual void SentenceDone(int index, const absl::Status& status,
                            SentenceResult result) = 0;
};

// Whose work a sentence is, for fairness: one number per connection.
using ClientId = uint64_t;

// One sentence to run: the unit of scheduling.
struct SentenceTask {
  // Its pointers must stay valid until SentenceDone(); `owner` sees to that,
  // and to `model` and `final_state` likewise.
  SentenceInput input;
  const BatchModel* model = nullptr;
  LstmState* final_state = nullptr;  // As SentenceOutput::final_state.
  ClientId client = 0;
  TimePoint deadline = TimePoint::max();
  std::shared_ptr<TaskOwner> owner;
  int index = 0;       // Which of the owner's sentences.
  TimePoint accepted;  // Set by the queue.
  Duration cost{};     // Predicted share of a worker's time; set by the queue.

  // Its steps, the two boundaries included; also its tokens where these bound
  // or cost something.
  int64_t steps() const {
    return static_cast<int64_t>(input.tokens.size()) + 2;
  }
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_SENTENCE_TASK_H_
