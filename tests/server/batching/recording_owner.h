#ifndef ELMO_TESTS_SERVER_BATCHING_RECORDING_OWNER_H_
#define ELMO_TESTS_SERVER_BATCHING_RECORDING_OWNER_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "server/batching/sentence_task.h"

namespace elmo::testing {

// Owns sentences as an Embed call does and keeps what it is told about them.
// Thread-safe.
class RecordingOwner final : public TaskOwner {
 public:
  // Sentence i has the words sentences[i].
  explicit RecordingOwner(std::vector<std::vector<std::string>> sentences)
      : sentences_(std::move(sentences)) {}

  static std::vector<SentenceTask> Tasks(
      const std::shared_ptr<RecordingOwner>& owner,
      TimePoint deadline = TimePoint::max(), ClientId client = 0,
      const BatchModel* model = nullptr) {
    std::vector<SentenceTask> tasks(owner->sentences_.size());
    for (size_t i = 0; i < tasks.size(); ++i) {
      tasks[i].input.tokens = owner->sentences_[i];
      tasks[i].input.output = &owner->output_;
      tasks[i].owner = owner;
      tasks[i].client = client;
      tasks[i].model = model;
      tasks[i].index = static_cast<int>(i);
      tasks[i].deadline = deadline;
    }
    return tasks;
  }

  void Cancel() { cancelled_ = true; }
  bool cancelled() const override { return cancelled_; }

  void SentenceDone(int index, const absl::Status& status,
                    SentenceResult result) override {
    MutexLock lock(&mu_);
    ends_[index].push_back(status);
    results_[index] = std::move(result);
    changed_.NotifyAll();
  }

  // Until each sentence's end was told at least once.
  void WaitForAll() const {
    MutexLock lock(&mu_);
    while (ends_.size() < sentences_.size()) changed_.Wait(&mu_);
  }
  // How often the ends of all sentences were told, together.
  int num_ends() const {
    MutexLock lock(&mu_);
    int count = 0;
    for (const auto& [index, ends] : ends_) {
      count += static_cast<int>(ends.size());
    }
    return count;
  }
  // The only end of sentence `index`.
  absl::Status end(int index) const {
    MutexLock lock(&mu_);
    const auto it = ends_.find(index);
    if (it == ends_.end()) return absl::NotFoundError("not ended");
    if (it->second.size() > 1) return absl::AlreadyExistsError("ended twice");
    return it->second.front();
  }
  SentenceResult result(int index) const {
    MutexLock lock(&mu_);
    return results_.at(index);
  }

 private:
  const std::vector<std::vector<std::string>> sentences_;
  const OutputSpec output_;
  std::atomic<bool> cancelled_{false};
  mutable Mutex mu_;
  mutable CondVar changed_;
  std::map<int, std::vector<absl::Status>> ends_ ABSL_GUARDED_BY(mu_);
  std::map<int, SentenceResult> results_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_SERVER_BATCHING_RECORDING_OWNER_H_
