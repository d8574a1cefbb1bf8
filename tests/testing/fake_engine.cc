#include "tests/testing/fake_engine.h"

#include <new>
#include <thread>
#include <utility>

namespace elmo::testing {
namespace {

struct FakeWorkspace : Engine::Workspace {
  std::thread::id owner = std::this_thread::get_id();
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
  std::vector<float> values(
      OutputSize(*input.output, FakeModelOptions(),
                 static_cast<int64_t>(input.tokens.size())));
  for (float& value : values) {
    Mix(1, &hash);
    value = static_cast<float>(hash >> 40) / (1 << 23) - 1;  // [-1, 1)
  }
  return values;
}

std::unique_ptr<Engine::Workspace> FakeEngine::CreateWorkspace() const {
  return std::make_unique<FakeWorkspace>();
}

absl::Status FakeEngine::Run(absl::Span<const SentenceInput> inputs,
                             Workspace* workspace,
                             absl::Span<SentenceOutput> outputs) const {
  if (static_cast<FakeWorkspace*>(workspace)->owner !=
      std::this_thread::get_id()) {
    return absl::InternalError("the workspace is another thread's");
  }
  std::vector<Tokens> batch;
  for (const SentenceInput& input : inputs) {
    batch.emplace_back(input.tokens.begin(), input.tokens.end());
  }
  {
    MutexLock lock(&mu_);
    batches_.push_back(std::move(batch));
    changed_.NotifyAll();
    while (blocked_) changed_.Wait(&mu_);
    if (throw_) throw std::bad_alloc();
    if (!failure_.ok()) return failure_;
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    outputs[i].values = Values(inputs[i]);
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
