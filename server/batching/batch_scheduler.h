#ifndef ELMO_SERVER_BATCHING_BATCH_SCHEDULER_H_
#define ELMO_SERVER_BATCHING_BATCH_SCHEDULER_H_

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/mutex.h"
#include "core/base/team.h"
#include "server/batching/batch_observer.h"
#include "server/batching/sentence_queue.h"

namespace elmo {

// Runs sentences on worker threads. A free worker pulls what waits; nothing
// waits for company. What is next is SentenceQueue's decision, what it will
// take BatchCost's; this is the lock, the clock and the threads around them.
//
// While nothing waits, workers that have nothing to do share the work of a
// batch that runs; as soon as something comes they leave it and take that.
//
// A sentence that cannot be done by its deadline is refused at once. Where all
// workers are busy and a client with little to do comes, its sentences run
// between two steps of a running batch, for at most kOvertaking of its time.
//
// Thread-safe.
class BatchScheduler {
 public:
  // Share of a batch's predicted time that urgent sentences may add to it.
  static constexpr double kOvertaking = 0.5;

  struct Options {
    // Worker threads: one per CPU that the process really gets.
    int workers = 1;
    SentenceQueue::Options queue;
    // Is told what happens; may be null. Not owned, must outlive the scheduler.
    BatchObserver* observer = nullptr;

    // INVALID_ARGUMENT naming the option, the value and the limit.
    absl::Status Validate() const;
  };

  // Starts the workers. RESOURCE_EXHAUSTED where threads run out.
  static absl::StatusOr<std::unique_ptr<BatchScheduler>> Create(
      const Options& options);

  // Drains.
  ~BatchScheduler();

  // Never blocks. The tasks are of one client and have their model set. On OK
  // it has taken all of *tasks, and each task's owner hears of its end exactly
  // once; otherwise it took none. UNAVAILABLE when the queue is full, when the
  // prediction says that the deadline would pass, or after Drain(): then
  // *reason, where it is not null, says which.
  //
  // `later`: what follows the tasks, one after the other, each by
  // SubmitAccepted() when the one before is done. The prediction counts it.
  [[nodiscard]] absl::Status Submit(std::vector<SentenceTask>* tasks,
                                    RefusalReason* reason = nullptr,
                                    absl::Span<const SentenceTask> later = {});

  // Whether Submit() would refuse any sentence now, however short: to be asked
  // before a request is read, so that refusing costs next to nothing while
  // three times as much comes as can be done. Sets *reason where it is not OK.
  absl::Status CheckBacklog(ClientId client, TimePoint deadline,
                            RefusalReason* reason) const;

  // The same for what belongs to work that was accepted already: refused only
  // after Drain().
  [[nodiscard]] absl::Status SubmitAccepted(std::vector<SentenceTask>* tasks);

  // For who has cancelled sentences of `client` that have this deadline: those
  // that wait leave the queue now, not when they would be next. Their owners
  // hear of it before this returns, on this thread: hold no lock of theirs.
  void Withdraw(ClientId client, TimePoint deadline);

  // Refuses new work from now on; what was accepted goes on.
  void StopAccepting();
  // Refuses new work, finishes what was accepted, ends the workers. Returns
  // when all owners have been told. For one thread to call, not a worker.
  void Drain();

  // When a caller who was refused should try again: the time that what waits
  // will take. A second when work is refused for good: by then the caller finds
  // another server.
  Duration RetryAfter() const;
  // False from StopAccepting() on.
  bool accepting() const;
  // Tokens and sentences that wait for a worker.
  int64_t queued_tokens() const;
  int64_t queued_sentences() const;
  // Those that run a batch, or help with one.
  int busy_workers() const;

 private:
  // A batch that a worker runs, from its start to its end.
  struct Running {
    std::set<ClientId> clients;
    Duration clock{};  // Theirs, the batch paid.
    TimePoint predicted_end;
    Duration overtaking_left{};  // For urgent sentences in between.
    Duration overtaken{};        // What those took.
    // Something came since it looked last: a hint, cheap enough to ask at
    // every step.
    std::atomic<bool> look{false};
    // Those that help with the batch; open while nothing else waits. The
    // worker leads it.
    Team team;
    bool runs = false;  // A batch, from Begin() on.
    int helpers = 0;    // In the team, or on their way in or out.

    explicit Running(int max_helpers) : team(max_helpers) {}
  };

  explicit BatchScheduler(const Options& options);

  absl::Status StartWorkers();
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Predicted time until a sentence that came now would begin.
  Duration WaitFor(ClientId client, TimePoint deadline, TimePoint now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether a running batch would let the client's sentences through that take
  // `run` apart from others.
  bool MayOvertake(ClientId client, Duration run) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status InTime(TimePoint now, TimePoint deadline, Duration time) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Admit(const std::vector<SentenceTask>& tasks,
                     absl::Span<const SentenceTask> later, TimePoint now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Work(Running* running);
  // Lets idle workers help with what runs, or calls them off, as the queue is
  // empty or not.
  void UpdateTeams() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The batch that has the fewest helpers; null where none wants any.
  Running* WhoWantsHelp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Helps with a batch, or waits, until something may have changed.
  void HelpOrWait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False when the worker is to end.
  bool NextBatch(Running* running, SentenceQueue::Next* next);
  // Between two steps of the worker's batch.
  void RunUrgent(Running* running);
  void Begin(const SentenceQueue::Next& next, TimePoint now, Running* running)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ObserveDead(const SentenceQueue::Next& next) const;
  void ObserveBatch(const std::vector<SentenceTask>& batch, TimePoint start,
                    Duration compute_time) const;
  // `running`: null for urgent sentences.
  void RunBatch(std::vector<SentenceTask> batch, Running* running);

  const Options options_;

  mutable Mutex mu_;
  CondVar work_available_;
  SentenceQueue queue_ ABSL_GUARDED_BY(mu_);
  bool accepting_ ABSL_GUARDED_BY(mu_) = true;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  // Those that run no batch: they wait for work, or help until it comes.
  int free_workers_ ABSL_GUARDED_BY(mu_) = 0;
  int helping_ ABSL_GUARDED_BY(mu_) = 0;  // Of free_workers_.
  // By worker. `overtaken` and what only RunBatch uses are the worker's own;
  // the rest is guarded by mu_.
  std::vector<std::unique_ptr<Running>> running_;

  std::vector<std::thread> workers_;  // Last: joined before the rest dies.
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_BATCH_SCHEDULER_H_
