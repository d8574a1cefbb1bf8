#include "server/batching/batch_model.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace elmo {

absl::StatusOr<std::unique_ptr<BatchModel>> BatchModel::Create(
    const Engine* engine, int workers, const BatchCost& cost) {
  std::unique_ptr<BatchModel> model(new BatchModel(engine, cost));
  try {
    for (int i = 0; i < workers; ++i) {
      model->PutBack(engine->CreateWorkspace());
    }
  } catch (const std::exception& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot make a worker's workspace: ", e.what()));
  }
  return model;
}

absl::Status BatchModel::Run(absl::Span<const SentenceInput> inputs,
                             const std::function<void()>& between_steps,
                             Team* team,
                             absl::Span<SentenceOutput> outputs) const {
  absl::Status status;
  std::unique_ptr<Engine::Workspace> workspace;
  try {
    workspace = TakeWorkspace();
    workspace->between_steps = between_steps;
    workspace->team = team;
    status = engine_->Run(inputs, workspace.get(), outputs);
    workspace->between_steps = nullptr;
    workspace->team = nullptr;
    // After an exception it is dropped: nobody knows what it holds.
    PutBack(std::move(workspace));
  } catch (const std::exception& e) {
    status = absl::InternalError(e.what());
  }
  if (status.ok()) return status;
  return absl::InternalError(absl::StrCat("engine: ", status.message()));
}

BatchCost BatchModel::cost() const {
  MutexLock lock(&mu_);
  return cost_;
}

void BatchModel::Observe(const BatchCost::Sample& batch) const {
  MutexLock lock(&mu_);
  cost_.Observe(batch);
}

void BatchModel::ObserveHelped(const BatchCost::Sample& batch) const {
  MutexLock lock(&mu_);
  cost_.ObserveHelped(batch);
}

void BatchModel::Doubt() const {
  MutexLock lock(&mu_);
  cost_.Doubt();
}

std::unique_ptr<Engine::Workspace> BatchModel::TakeWorkspace() const {
  {
    MutexLock lock(&mu_);
    if (!free_.empty()) {
      auto workspace = std::move(free_.back());
      free_.pop_back();
      return workspace;
    }
  }
  return engine_->CreateWorkspace();
}

void BatchModel::PutBack(std::unique_ptr<Engine::Workspace> workspace) const {
  MutexLock lock(&mu_);
  free_.push_back(std::move(workspace));
}

}  // namespace elmo
