#ifndef ELMO_SERVER_BATCHING_BATCH_SCHEDULER_H_
#define ELMO_SERVER_BATCHING_BATCH_SCHEDULER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "server/batching/sentence_queue.h"

namespace elmo {

// Runs sentences on worker threads, each with its own workspace. A free worker
// pulls what waits; nothing waits for company. What is next is SentenceQueue's
// decision; this is the lock, the clock and the threads around it.
//
// Thread-safe.
class BatchScheduler {
 public:
  struct Options {
    // Worker threads: one per CPU that the process really gets.
    int workers = 1;
    SentenceQueue::Options queue;

    // INVALID_ARGUMENT naming the option, the value and the limit.
    absl::Status Validate() const;
  };

  // Starts the workers and waits until each has its workspace. `engine` must
  // outlive the result. RESOURCE_EXHAUSTED where memory or threads run out.
  static absl::StatusOr<std::unique_ptr<BatchScheduler>> Create(
      const Options& options, const Engine* engine);

  // Drains.
  ~BatchScheduler();

  // Never blocks. On OK it has taken all of *tasks, and each task's owner hears
  // of its end exactly once; otherwise it took none. UNAVAILABLE when the queue
  // is full or after Drain().
  [[nodiscard]] absl::Status Submit(std::vector<SentenceTask>* tasks);

  // Refuses new work from now on; what was accepted goes on.
  void StopAccepting();
  // Refuses new work, finishes what was accepted, ends the workers. Returns
  // when all owners have been told. For one thread to call, not a worker.
  void Drain();

  // When a caller who was refused should try again: how long a sentence that
  // came now would wait, by what waits and by the pace of late (zero before the
  // first batch). A second when work is refused for good: by then the caller
  // finds another server.
  Duration RetryAfter() const;
  // Tokens that wait for a worker.
  int64_t queued_tokens() const;

 private:
  BatchScheduler(const Options& options, const Engine* engine);

  absl::Status StartWorkers();
  void Work();
  // False when the workers are to end.
  bool NextBatch(SentenceQueue::Next* next);
  void RunBatch(std::vector<SentenceTask> batch, Engine::Workspace* workspace);
  void NotePace(const std::vector<SentenceTask>& batch, Duration compute_time);

  const Options options_;       // Constant after construction.
  const Engine* const engine_;  // Not owned; synchronises itself.

  mutable Mutex mu_;
  CondVar work_available_;
  CondVar worker_started_;
  SentenceQueue queue_ ABSL_GUARDED_BY(mu_);
  bool accepting_ ABSL_GUARDED_BY(mu_) = true;
  int free_workers_ ABSL_GUARDED_BY(mu_) = 0;
  int started_workers_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status start_status_ ABSL_GUARDED_BY(mu_);
  // Seconds that one worker takes per token, smoothed; 0: not known yet.
  double seconds_per_token_ ABSL_GUARDED_BY(mu_) = 0;

  std::vector<std::thread> workers_;  // Last: joined before the rest dies.
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_BATCH_SCHEDULER_H_
