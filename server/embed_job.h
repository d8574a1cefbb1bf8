#ifndef ELMO_SERVER_EMBED_JOB_H_
#define ELMO_SERVER_EMBED_JOB_H_

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "server/batching/sentence_task.h"
#include "server/embed_plan.h"

namespace elmo {

// One Embed call in flight: its sentences go to the scheduler one by one, and
// when the last is done, `on_done` is called, exactly once.
//
// Thread-safe.
class EmbedJob final : public TaskOwner,
                       public std::enable_shared_from_this<EmbedJob> {
 public:
  struct Timings {
    Duration queue{};    // Of the sentence that was last.
    Duration compute{};  // Likewise.
    TimePoint received;
  };
  // Gets OK when all sentences have values, else the first error. Called where
  // the last SentenceDone() is. Must not throw.
  using OnDone = std::function<void(const absl::Status&)>;
  // Called after each sentence but the last.
  using OnSentence = std::function<void()>;

  // `plan` has at least one sentence.
  EmbedJob(EmbedPlan plan, TimePoint received);

  // One task per sentence, to be submitted together. Must be called once; then
  // `on_done` is called after all of them are done.
  // `client`: see SentenceTask.
  std::vector<SentenceTask> Start(ClientId client, TimePoint deadline,
                                  OnDone on_done, OnSentence on_sentence = {});

  // Nobody waits any more: sentences that did not run yet are not run.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  bool cancelled() const override {
    return cancelled_.load(std::memory_order_relaxed);
  }
  void SentenceDone(int index, const absl::Status& status,
                    SentenceResult result) override;

  const EmbedPlan& plan() const { return plan_; }
  // The values of sentence `index`, which are gone then. Only from on_done on.
  std::vector<float> TakeValues(int index);
  // Only from on_done on.
  Timings timings() const;

 private:
  const EmbedPlan plan_;
  const TimePoint received_;
  OnDone on_done_;          // Constant after Start; the next likewise.
  OnSentence on_sentence_;  // May be empty.
  std::atomic<bool> cancelled_{false};

  mutable Mutex mu_;
  int remaining_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // The first error.
  std::vector<std::vector<float>> values_ ABSL_GUARDED_BY(mu_);
  Timings timings_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_EMBED_JOB_H_
