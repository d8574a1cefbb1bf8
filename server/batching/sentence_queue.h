#ifndef ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_
#define ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/sentence_task.h"

namespace elmo {

// Decides what runs next, and together with what. Earliest deadline first, ties
// in order of arrival: the most urgent sentence anchors the next batch, which
// is filled in that order up to its budget. So nothing starves.
//
// Policy alone: no lock, no thread, no clock (time is an argument).
// Single thread only; BatchScheduler puts a lock around it.
class SentenceQueue {
 public:
  struct Options {
    // Sentences in one batch. More raise throughput and latency.
    int max_batch_rows = 64;
    // Tokens in one batch, two boundaries per sentence included. Bounds how
    // long an urgent sentence waits for a busy worker, and a worker's memory. A
    // sentence over it runs alone.
    int64_t max_batch_tokens = 2048;
    // Push() refuses what would make more tokens wait than this. Bounds the
    // queueing delay.
    int64_t max_queued_tokens = 65536;

    // INVALID_ARGUMENT naming the option, the value and the limit.
    absl::Status Validate() const;
  };

  // What PopBatch() took out. Each task is in exactly one of the lists.
  struct Next {
    std::vector<SentenceTask> batch;      // To be run.
    std::vector<SentenceTask> expired;    // Deadline passed: not to be run.
    std::vector<SentenceTask> cancelled;  // Nobody waits: not to be run.
  };

  explicit SentenceQueue(const Options& options) : options_(options) {}

  // Takes all of *tasks, leaving it empty, iff it returns OK; else takes none.
  // UNAVAILABLE when they do not fit: the caller may try again later.
  [[nodiscard]] absl::Status Push(std::vector<SentenceTask>* tasks,
                                  TimePoint now);

  // Takes out the next batch, and what it met that is expired or cancelled.
  // `free_workers` (at least 1, the asking one included) share what waits: the
  // batch is no larger than a fair share needs it to be. The batch is empty
  // only when nothing that waits can be run.
  Next PopBatch(TimePoint now, int free_workers = 1);

  // Nothing is left for PopBatch() to take out.
  bool empty() const { return waiting_.empty() && dead_.empty(); }
  // Tokens that wait to be run.
  int64_t queued_tokens() const { return queued_tokens_; }

 private:
  // Deadline, then arrival.
  using Key = std::pair<TimePoint, uint64_t>;
  using Waiting = std::map<Key, SentenceTask>;

  // Moves what is expired or cancelled from waiting_ to dead_.
  void RemoveDead(TimePoint now);
  SentenceTask Take(Waiting::iterator it);

  const Options options_;
  Waiting waiting_;
  std::vector<SentenceTask> dead_;  // Found by Push(), given out by PopBatch().
  uint64_t next_arrival_ = 0;
  int64_t queued_tokens_ = 0;  // Of waiting_.
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_
