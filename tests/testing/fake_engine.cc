#include "tests/testing/fake_engine.h"

#include <atomic>
#include <new>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"

namespace elmo::testing {
namespace {

struct FakeWorkspace : Engine::Workspace {
  std::atomic<bool> in_use{false};
};

// FNV-1a, a byte at a time.
void Mix(uint64_t value, uint64_t* hash) {
  for (int i = 0; i < 8; ++i) {
    *hash = (*hash ^ ((value >> (8 * i)) & 0xff)) * 0x100000001b3;
  }
}

}  // namespace

ModelOptions FakeModelOptions() {
  ModelOptions options;
  options.lstm.dim = 16;
  options.lstm.projection_dim = 4;
  options.lstm.num_layers = 2;
  options.char_cnn.filters = {{1, 8}};
  options.char_cnn.embedding_dim = 4;
  return options;
}

std::vector<float> FakeEngine::Values(const SentenceInput& input) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::string& token : input.tokens) {
    Mix(token.size(), &hash);
    for (const char c : token) Mix(static_cast<unsigned char>(c), &hash);
  }
  Mix(input.start_state != nullptr, &hash);
  if (input.start_state != nullptr && !input.start_state->h.empty()) {
    Mix(static_cast<uint64_t>(input.start_state->h.front()), &hash);
  }
  std::vector<float> values(
      OutputSize(*input.output, FakeModelOptions(),
                 static_cast<int64_t>(input.tokens.size())));
  for (float& value : values) {
    Mix(1, &hash);
    value = static_cast<float>(hash >> 40) / (1 << 23) - 1;  // [-1, 1)
  }
  return values;
}

LstmState FakeEngine::FinalState(const SentenceInput& input) {
  LstmState state = LstmState::Zero(FakeModelOptions().lstm);
  const float before =
      input.start_state == nullptr || input.start_state->h.empty()
          ? 0
          : input.start_state->h.front();
  state.h.front() = before + 1 + static_cast<float>(input.tokens.size());
  return state;
}

std::unique_ptr<Engine::Workspace> FakeEngine::CreateWorkspace() const {
  return std::make_unique<FakeWorkspace>();
}

absl::Status FakeEngine::Run(absl::Span<const SentenceInput> inputs,
                             Workspace* workspace,
                             absl::Span<SentenceOutput> outputs) const {
  auto& in_use = static_cast<FakeWorkspace*>(workspace)->in_use;
  if (in_use.exchange(true)) {
    return absl::InternalError("the workspace is in use by another run");
  }
  const absl::Cleanup release = [&] { in_use = false; };
  const auto start = std::chrono::steady_clock::now();
  int64_t tokens = 0;
  std::vector<Tokens> batch;
  for (const SentenceInput& input : inputs) {
    batch.emplace_back(input.tokens.begin(), input.tokens.end());
    tokens += static_cast<int64_t>(input.tokens.size()) + 2;
  }
  {
    MutexLock lock(&mu_);
    batches_.push_back(std::move(batch));
    changed_.NotifyAll();
    // What runs between the steps of another run is not held up.
    for (int steps = steps_; blocked_ && workspace->between_steps;) {
      if (steps == steps_) {
        changed_.Wait(&mu_);
        continue;
      }
      steps = steps_;
      mu_.Unlock();
      workspace->between_steps();
      ParallelFor(workspace->team, 8, [&](int member, int64_t, int64_t) {
        member > 0 ? void(++parts_of_helpers_) : std::this_thread::yield();
      });
      mu_.Lock();
    }
    if (throw_) throw std::bad_alloc();
    if (!failure_.ok()) return failure_;
  }
  const auto end = start + tokens * token_time_.load();
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  for (size_t i = 0; i < inputs.size(); ++i) {
    outputs[i].values = Values(inputs[i]);
    if (outputs[i].final_state != nullptr) {
      *outputs[i].final_state = FinalState(inputs[i]);
    }
  }
  return absl::OkStatus();
}

void FakeEngine::Block() {
  MutexLock lock(&mu_);
  blocked_ = true;
}

void FakeEngine::Unblock() {
  MutexLock lock(&mu_);
  blocked_ = false;
  changed_.NotifyAll();
}

void FakeEngine::Step() {
  MutexLock lock(&mu_);
  ++steps_;
  changed_.NotifyAll();
}

void FakeEngine::WaitForRuns(int count) const {
  MutexLock lock(&mu_);
  while (static_cast<int>(batches_.size()) < count) changed_.Wait(&mu_);
}

void FakeEngine::FailWith(absl::Status status) {
  MutexLock lock(&mu_);
  failure_ = std::move(status);
}

void FakeEngine::ThrowFromRuns() {
  MutexLock lock(&mu_);
  throw_ = true;
}

std::vector<std::vector<FakeEngine::Tokens>> FakeEngine::batches() const {
  MutexLock lock(&mu_);
  return batches_;
}

}  // namespace elmo::testing
