#ifndef ELMO_TESTS_TESTING_FAKE_ENGINE_H_
#define ELMO_TESTS_TESTING_FAKE_ENGINE_H_

#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/engine.h"

namespace elmo::testing {

// Two LSTM layers, vectors of width 8: the options of FakeEngine.
ModelOptions FakeModelOptions();

// An engine without a model: values follow from the tokens and the start state
// alone. A test can hold it up, make it fail and ask what it ran.
//
// Thread-safe.
class FakeEngine final : public Engine {
 public:
  using Tokens = std::vector<std::string>;

  // What Run() answers for a sentence, whatever its mates.
  static std::vector<float> Values(const SentenceInput& input);

  const ModelOptions& options() const override { return options_; }
  std::unique_ptr<Workspace> CreateWorkspace() const override;
  // INTERNAL unless called on the thread that made the workspace.
  absl::Status Run(absl::Span<const SentenceInput> inputs, Workspace* workspace,
                   absl::Span<SentenceOutput> outputs) const override;

  // Runs that begin from now on wait inside Run() until Unblock().
  void Block();
  void Unblock();
  // Until `count` runs in all have begun.
  void WaitForRuns(int count) const;
  // Every later run fails so; OK: they succeed again.
  void FailWith(absl::Status status);
  // Every later run throws std::bad_alloc.
  void ThrowFromRuns();

  // The batches that were begun, in order.
  std::vector<std::vector<Tokens>> batches() const;

 private:
  const ModelOptions options_ = FakeModelOptions();
  mutable Mutex mu_;
  mutable CondVar changed_;
  mutable std::vector<std::vector<Tokens>> batches_ ABSL_GUARDED_BY(mu_);
  bool blocked_ ABSL_GUARDED_BY(mu_) = false;
  bool throw_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_FAKE_ENGINE_H_
