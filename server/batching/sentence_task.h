#ifndef ELMO_SERVER_BATCHING_SENTENCE_TASK_H_
#define ELMO_SERVER_BATCHING_SENTENCE_TASK_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/engine/engine.h"

namespace elmo {

// Scheduling uses the steady clock alone: setting the wall clock changes
// nothing.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

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
  // sentence, on a worker's thread and outside all locks. DEADLINE_EXCEEDED or
  // CANCELLED: it was not run. INTERNAL: the engine failed. Must not throw.
  virtual void SentenceDone(int index, const absl::Status& status,
                            SentenceResult result) = 0;
};

// One sentence to run: the unit of scheduling.
struct SentenceTask {
  // Its pointers must stay valid until SentenceDone(); `owner` sees to that.
  SentenceInput input;
  TimePoint deadline = TimePoint::max();
  std::shared_ptr<TaskOwner> owner;
  int index = 0;       // Which of the owner's sentences.
  TimePoint accepted;  // Set by the queue.

  // What it costs, in tokens; the two boundaries are computed as well.
  int64_t cost() const { return static_cast<int64_t>(input.tokens.size()) + 2; }
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_SENTENCE_TASK_H_
