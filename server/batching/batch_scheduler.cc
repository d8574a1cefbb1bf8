#include "server/batching/batch_scheduler.h"

#include <exception>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

// Weight of the newest batch in the smoothed pace: about the last ten count.
constexpr double kPaceWeight = 0.1;

constexpr std::chrono::seconds kRetryElsewhere(1);

// More than any machine has CPUs; a slip of the finger.
constexpr int kMaxWorkers = 1024;

TimePoint SteadyNow() { return std::chrono::steady_clock::now(); }

// Engine::Run with every failure as INTERNAL, whatever libraries below throw
// included: one bad batch must not end the process.
absl::Status RunEngine(const Engine& engine,
                       const std::vector<SentenceTask>& batch,
                       Engine::Workspace* workspace,
                       std::vector<SentenceOutput>* outputs) {
  absl::Status status;
  try {
    std::vector<SentenceInput> inputs;
    inputs.reserve(batch.size());
    for (const SentenceTask& task : batch) inputs.push_back(task.input);
    outputs->resize(batch.size());
    status = engine.Run(inputs, workspace, absl::MakeSpan(*outputs));
  } catch (const std::exception& e) {
    status = absl::InternalError(e.what());
  }
  if (status.ok()) return status;
  return absl::InternalError(absl::StrCat("engine: ", status.message()));
}

// Tells the owners of tasks that did not run.
void Dismiss(std::vector<SentenceTask>& tasks, const absl::Status& status) {
  const TimePoint now = SteadyNow();
  for (SentenceTask& task : tasks) {
    SentenceResult result;
    result.queue_time = now - task.accepted;
    task.owner->SentenceDone(task.index, status, std::move(result));
  }
}

}  // namespace

absl::Status BatchScheduler::Options::Validate() const {
  if (workers < 1 || workers > kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "workers is ", workers, "; it must be 1 to ", kMaxWorkers));
  }
  return queue.Validate();
}

absl::StatusOr<std::unique_ptr<BatchScheduler>> BatchScheduler::Create(
    const Options& options, const Engine* engine) {
  ELMO_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<BatchScheduler> scheduler(
      new BatchScheduler(options, engine));
  ELMO_RETURN_IF_ERROR(scheduler->StartWorkers());
  return scheduler;
}

BatchScheduler::BatchScheduler(const Options& options, const Engine* engine)
    : options_(options), engine_(engine), queue_(options.queue) {}

BatchScheduler::~BatchScheduler() { Drain(); }

absl::Status BatchScheduler::StartWorkers() {
  try {
    for (int i = 0; i < options_.workers; ++i) {
      workers_.emplace_back([this] { Work(); });
    }
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot start ", options_.workers, " workers: ", e.what()));
  }
  MutexLock lock(&mu_);
  while (started_workers_ < options_.workers) worker_started_.Wait(&mu_);
  return start_status_;
}

absl::Status BatchScheduler::Submit(std::vector<SentenceTask>* tasks) {
  const TimePoint now = SteadyNow();
  {
    MutexLock lock(&mu_);
    if (!accepting_) {
      return absl::UnavailableError("the server is shutting down");
    }
    ELMO_RETURN_IF_ERROR(queue_.Push(tasks, now));
  }
  work_available_.NotifyAll();
  return absl::OkStatus();
}

void BatchScheduler::StopAccepting() {
  {
    MutexLock lock(&mu_);
    accepting_ = false;
  }
  work_available_.NotifyAll();  // Workers end when nothing is left.
}

void BatchScheduler::Drain() {
  StopAccepting();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

Duration BatchScheduler::RetryAfter() const {
  MutexLock lock(&mu_);
  if (!accepting_) return kRetryElsewhere;
  const double seconds =
      seconds_per_token_ * queue_.queued_tokens() / options_.workers;
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(seconds));
}

int64_t BatchScheduler::queued_tokens() const {
  MutexLock lock(&mu_);
  return queue_.queued_tokens();
}

void BatchScheduler::Work() {
  std::unique_ptr<Engine::Workspace> workspace;
  absl::Status status;
  try {
    workspace = engine_->CreateWorkspace();
  } catch (const std::exception& e) {
    status = absl::ResourceExhaustedError(
        absl::StrCat("cannot make a worker's workspace: ", e.what()));
  }
  {
    MutexLock lock(&mu_);
    ++started_workers_;
    if (!status.ok()) start_status_ = status;
  }
  worker_started_.NotifyAll();
  if (!status.ok()) return;

  SentenceQueue::Next next;
  while (NextBatch(&next)) {
    Dismiss(next.expired, absl::DeadlineExceededError(
                              "the deadline passed before a worker was free"));
    Dismiss(next.cancelled, absl::CancelledError("cancelled by the caller"));
    if (!next.batch.empty()) RunBatch(std::move(next.batch), workspace.get());
    next = {};  // Lets go of the owners before the next wait.
  }
}

bool BatchScheduler::NextBatch(SentenceQueue::Next* next) {
  MutexLock lock(&mu_);
  ++free_workers_;
  while (queue_.empty() && accepting_) work_available_.Wait(&mu_);
  const bool work = !queue_.empty();
  if (work) *next = queue_.PopBatch(SteadyNow(), free_workers_);
  --free_workers_;
  return work;
}

void BatchScheduler::RunBatch(std::vector<SentenceTask> batch,
                              Engine::Workspace* workspace) {
  std::vector<SentenceOutput> outputs;
  const TimePoint start = SteadyNow();
  const absl::Status status = RunEngine(*engine_, batch, workspace, &outputs);
  const Duration compute_time = SteadyNow() - start;
  if (status.ok()) NotePace(batch, compute_time);

  for (size_t i = 0; i < batch.size(); ++i) {
    SentenceResult result;
    if (status.ok()) result.values = std::move(outputs[i].values);
    result.queue_time = start - batch[i].accepted;
    result.compute_time = compute_time;
    batch[i].owner->SentenceDone(batch[i].index, status, std::move(result));
  }
}

void BatchScheduler::NotePace(const std::vector<SentenceTask>& batch,
                              Duration compute_time) {
  int64_t tokens = 0;
  for (const SentenceTask& task : batch) tokens += task.cost();
  const double sample =
      std::chrono::duration<double>(compute_time).count() / tokens;
  MutexLock lock(&mu_);
  seconds_per_token_ =
      seconds_per_token_ == 0
          ? sample
          : (1 - kPaceWeight) * seconds_per_token_ + kPaceWeight * sample;
}

}  // namespace elmo
