#ifndef ELMO_SERVER_BATCHING_BATCH_MODEL_H_
#define ELMO_SERVER_BATCHING_BATCH_MODEL_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/base/team.h"
#include "core/engine/engine.h"
#include "server/batching/batch_cost.h"

namespace elmo {

// A model as the workers see it: its engine, workspaces to run it with, and
// what its batches cost. Sentences of different models never share a batch.
//
// Thread-safe.
class BatchModel {
 public:
  // Makes a workspace for each worker at once, so that a lack of memory shows
  // at the start: RESOURCE_EXHAUSTED. `engine` must outlive the result.
  static absl::StatusOr<std::unique_ptr<BatchModel>> Create(
      const Engine* engine, int workers, const BatchCost& cost = {});

  // Engine::Run with a workspace of this model. `between_steps`, which may be
  // empty, is called often while it runs, on this thread; it may call Run()
  // again. `team`, which may be null, shares the work; this thread leads it.
  // Every failure is INTERNAL, whatever libraries below throw included: one bad
  // batch must not end the process.
  absl::Status Run(absl::Span<const SentenceInput> inputs,
                   const std::function<void()>& between_steps, Team* team,
                   absl::Span<SentenceOutput> outputs) const;

  BatchCost cost() const;
  void Observe(const BatchCost::Sample& batch) const;
  // See BatchCost::ObserveHelped().
  void ObserveHelped(const BatchCost::Sample& batch) const;
  // See BatchCost::Doubt().
  void Doubt() const;

 private:
  explicit BatchModel(const Engine* engine, const BatchCost& cost)
      : engine_(engine), cost_(cost) {}

  std::unique_ptr<Engine::Workspace> TakeWorkspace() const;
  void PutBack(std::unique_ptr<Engine::Workspace> workspace) const;

  const Engine* const engine_;  // Not owned; synchronises itself.
  mutable Mutex mu_;
  mutable std::vector<std::unique_ptr<Engine::Workspace>> free_
      ABSL_GUARDED_BY(mu_);
  mutable BatchCost cost_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_BATCH_MODEL_H_
