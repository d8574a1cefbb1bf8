// How long a sentence of 10 words waits for its answer when it comes while a
// full batch runs, at the released dimensions, with one worker:
//   Alone      nothing else runs
//   Overtakes  another connection's: it runs between two steps of the batch
//   WaitsForIt the batch's own connection's: it waits for the end
// and what overtaking costs the batch. docs/adr/0010 is built on this.
//
//   scripts/bench overtaking
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/engine/elmo_engine.h"
#include "server/batching/batch_scheduler.h"
#include "server/served_model.h"
#include "tests/testing/tiny_model.h"

namespace elmo {
namespace {

constexpr ClientId kFlood = 1;
constexpr ClientId kLight = 2;

std::shared_ptr<const ServedModel> Model() {
  static const auto* model = [] {
    std::unique_ptr<testing::TinyModel> weights =
        testing::RandomModel(testing::ReleasedOptions(), /*seed=*/1);
    ServedModel served;
    served.name = "released-dims";
    served.engine =
        *ElmoEngine::Create(weights->options(), weights->weights(), {});
    weights.reset();
    return new std::shared_ptr<const ServedModel>(
        *PrepareModel(std::move(served), /*workers=*/1));
  }();
  return *model;
}

// Sentences of one connection; knows when each was answered.
class Caller final : public TaskOwner,
                     public std::enable_shared_from_this<Caller> {
 public:
  Caller(ClientId client, int sentences, int words)
      : client_(client),
        tokens_(words, "word"),
        remaining_(sentences),
        sentences_(sentences) {
    output_.pooling = Pooling::kMean;
  }

  void Send(BatchScheduler* scheduler) {
    std::vector<SentenceTask> tasks(sentences_);
    for (SentenceTask& task : tasks) {
      task.input = {tokens_, &output_, nullptr};
      task.model = model_->batch_model.get();
      task.client = client_;
      task.owner = shared_from_this();
    }
    sent_ = std::chrono::steady_clock::now();
    ELMO_CHECK(scheduler->Submit(&tasks).ok());
  }
  bool cancelled() const override { return false; }
  void SentenceDone(int, const absl::Status& status, SentenceResult) override {
    ELMO_CHECK(status.ok());
    MutexLock lock(&mu_);
    if (--remaining_ > 0) return;
    latency_ = std::chrono::steady_clock::now() - sent_;
    done_.NotifyAll();
  }
  // Until all are answered; seconds since they were sent.
  double Wait() {
    MutexLock lock(&mu_);
    while (remaining_ > 0) done_.Wait(&mu_);
    return std::chrono::duration<double>(latency_).count();
  }

 private:
  const std::shared_ptr<const ServedModel> model_ = Model();
  const ClientId client_;
  const std::vector<std::string> tokens_;
  OutputSpec output_;
  TimePoint sent_;
  Mutex mu_;
  CondVar done_;
  int remaining_;
  const int sentences_;
  Duration latency_{};
};

std::shared_ptr<Caller> Send(BatchScheduler* scheduler, ClientId client,
                             int sentences, int words) {
  auto caller = std::make_shared<Caller>(client, sentences, words);
  caller->Send(scheduler);
  return caller;
}

void Latency(benchmark::State& state, bool batch_runs, ClientId client) {
  Model();
  auto scheduler = *BatchScheduler::Create({});
  double batch_seconds = 0;
  for (auto _ : state) {
    std::shared_ptr<Caller> batch;
    if (batch_runs) {
      batch = Send(scheduler.get(), kFlood, 64, 20);
      while (scheduler->queued_sentences() > 0) continue;
    }
    state.SetIterationTime(Send(scheduler.get(), client, 1, 10)->Wait());
    if (batch != nullptr) batch_seconds += batch->Wait();
  }
  if (batch_runs) {
    state.counters["batch_s"] = benchmark::Counter(
        batch_seconds / static_cast<double>(state.iterations()));
  }
}

void Register(const char* name, bool batch_runs, ClientId client) {
  benchmark::RegisterBenchmark(
      name,
      [=](benchmark::State& state) { Latency(state, batch_runs, client); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(1);
}

const int kRegistered = [] {
  Register("Alone", false, kLight);
  Register("Overtakes", true, kLight);
  Register("WaitsForIt", true, kFlood);
  return 0;
}();

}  // namespace
}  // namespace elmo
