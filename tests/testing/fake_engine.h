#ifndef ELMO_TESTS_TESTING_FAKE_ENGINE_H_
#define ELMO_TESTS_TESTING_FAKE_ENGINE_H_

#include <atomic>
#include <chrono>
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

  // Counts the tokens, and one for each sentence, since the zero state.
  static LstmState FinalState(const SentenceInput& input);

  const ModelOptions& options() const override { return options_; }
  std::unique_ptr<Workspace> CreateWorkspace() const override;
  // INTERNAL when the workspace is in use by another run.
  absl::Status Run(absl::Span<const SentenceInput> inputs, Workspace* workspace,
                   absl::Span<SentenceOutput> outputs) const override;

  // Runs that begin from now on wait inside Run() until Unblock(), but for
  // those that run between the steps of another.
  void Block();
  void Unblock();
  // Runs that wait take a step: what is between steps happens once, then each
  // one's team shares some work.
  void Step();
  // Parts of such work that helpers have done.
  int parts_of_helpers() const { return parts_of_helpers_; }
  // Until `count` runs in all have begun.
  void WaitForRuns(int count) const;
  // Every later run takes so long for each token, boundaries included: what the
  // warm-up measures, where it is set before.
  void TakePerToken(std::chrono::nanoseconds time) { token_time_ = time; }
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
  mutable int steps_ ABSL_GUARDED_BY(mu_) = 0;
  mutable std::atomic<int> parts_of_helpers_{0};
  std::atomic<std::chrono::nanoseconds> token_time_{};
  bool throw_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_FAKE_ENGINE_H_
