#include "server/batching/batch_scheduler.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

constexpr std::chrono::seconds kRetryElsewhere(1);

// More than any machine has CPUs; a slip of the finger.
constexpr int kMaxWorkers = 1024;

// A caller would rather be refused at once than late. What waits is less
// certain than a single run (BatchCost::kMargin), and a queue that is a third
// shorter loses nothing: it is never empty.
constexpr double kQueueMargin = 1.5;

// Below gRPC's threads, so that a call is read, or refused, while all workers
// compute. Only the share among the process's own threads changes.
constexpr int kWorkerNiceness = 5;

TimePoint SteadyNow() { return std::chrono::steady_clock::now(); }

int64_t Milliseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

Duration Times(double factor, Duration time) {
  return std::chrono::duration_cast<Duration>(factor * time);
}

BatchCost::Sample SizeOf(const std::vector<SentenceTask>& batch) {
  BatchCost::Sample size;
  for (const SentenceTask& task : batch) {
    size.steps = std::max(size.steps, task.steps());
    size.tokens += task.steps();
  }
  return size;
}

// BatchModel::Run() for the tasks of a batch. INTERNAL also where memory runs
// out before it: whatever happens, the owners must hear of it.
absl::Status RunTasks(const std::vector<SentenceTask>& batch,
                      const std::function<void()>& between_steps, Team* team,
                      std::vector<SentenceOutput>* outputs) {
  try {
    std::vector<SentenceInput> inputs;
    inputs.reserve(batch.size());
    outputs->resize(batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      inputs.push_back(batch[i].input);
      (*outputs)[i].final_state = batch[i].final_state;
    }
    return batch.front().model->Run(inputs, between_steps, team,
                                    absl::MakeSpan(*outputs));
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("engine: ", e.what()));
  }
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

void DismissDead(SentenceQueue::Next* next) {
  Dismiss(next->expired, absl::DeadlineExceededError(
                             "the deadline passed before a worker was free"));
  Dismiss(next->cancelled, absl::CancelledError("cancelled by the caller"));
}

}  // namespace

absl::Status BatchScheduler::Options::Validate() const {
  if (workers < 1 || workers > kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--workers is ", workers, "; it must be 1 to ", kMaxWorkers));
  }
  return queue.Validate();
}

absl::StatusOr<std::unique_ptr<BatchScheduler>> BatchScheduler::Create(
    const Options& options) {
  ELMO_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<BatchScheduler> scheduler(new BatchScheduler(options));
  ELMO_RETURN_IF_ERROR(scheduler->StartWorkers());
  return scheduler;
}

BatchScheduler::BatchScheduler(const Options& options)
    : options_(options), queue_(options.queue) {
  for (int i = 0; i < options.workers; ++i) {
    running_.push_back(std::make_unique<Running>(options.workers - 1));
  }
}

BatchScheduler::~BatchScheduler() { Drain(); }

absl::Status BatchScheduler::StartWorkers() {
  {
    // Free from the start: what is submitted before they run waits for them.
    MutexLock lock(&mu_);
    free_workers_ = options_.workers;
  }
  try {
    for (const auto& running : running_) {
      workers_.emplace_back([this, state = running.get()] { Work(state); });
    }
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot start ", options_.workers, " workers: ", e.what()));
  }
  return absl::OkStatus();
}

absl::Status BatchScheduler::Submit(std::vector<SentenceTask>* tasks,
                                    RefusalReason* reason,
                                    absl::Span<const SentenceTask> later) {
  RefusalReason unused;
  if (reason == nullptr) reason = &unused;
  const TimePoint now = SteadyNow();
  {
    MutexLock lock(&mu_);
    *reason = RefusalReason::kDraining;
    if (!accepting_) {
      return absl::UnavailableError("the server is shutting down");
    }
    *reason = RefusalReason::kDeadline;
    ELMO_RETURN_IF_ERROR(Admit(*tasks, later, now));
    *reason = RefusalReason::kQueueFull;
    ELMO_RETURN_IF_ERROR(queue_.Push(tasks, now));
    Wake();
  }
  return absl::OkStatus();
}

absl::Status BatchScheduler::SubmitAccepted(std::vector<SentenceTask>* tasks) {
  const TimePoint now = SteadyNow();
  MutexLock lock(&mu_);
  if (draining_) {
    return absl::UnavailableError("the server is shutting down");
  }
  queue_.PushAlways(tasks, now);
  Wake();
  return absl::OkStatus();
}

void BatchScheduler::Wake() {
  for (const auto& running : running_) {
    running->look.store(true, std::memory_order_relaxed);
  }
  UpdateTeams();
  work_available_.NotifyAll();
}

void BatchScheduler::UpdateTeams() {
  const bool open = queue_.empty();
  for (const auto& running : running_) {
    if (open && running->runs) {
      running->team.Open();
    } else {
      running->team.Close();
    }
  }
}

BatchScheduler::Running* BatchScheduler::WhoWantsHelp() {
  Running* least = nullptr;
  for (const auto& running : running_) {
    if (!running->runs || running->helpers >= running->team.max_members() - 1) {
      continue;
    }
    if (least == nullptr || running->helpers < least->helpers) {
      least = running.get();
    }
  }
  return least;
}

void BatchScheduler::HelpOrWait() {
  Running* const leader = WhoWantsHelp();
  if (leader == nullptr) {
    work_available_.Wait(&mu_);
    return;
  }
  ++helping_;
  ++leader->helpers;
  mu_.Unlock();
  leader->team.Help();
  mu_.Lock();
  --leader->helpers;
  --helping_;
}

absl::Status BatchScheduler::Admit(const std::vector<SentenceTask>& tasks,
                                   absl::Span<const SentenceTask> later,
                                   TimePoint now) {
  if (tasks.empty()) return absl::OkStatus();
  const SentenceTask& first = tasks.front();
  // A deadline that has passed is the queue's to find: nothing is predicted.
  if (first.deadline == TimePoint::max() || first.deadline <= now) {
    return absl::OkStatus();
  }
  const BatchCost cost = first.model->cost();
  const BatchCost::Sample own = SizeOf(tasks);
  const int workers = options_.workers;
  const int64_t max_tokens = options_.queue.max_batch_tokens;
  // By itself, and in a batch with what then still waits: others' tokens run
  // beside it until there are none.
  const int64_t others = queue_.queued_tokens() / workers;
  const int64_t batch_tokens =
      std::max((own.tokens + workers - 1) / workers,
               std::min(own.tokens + others, max_tokens));
  Duration apart = cost.Predict(own.steps, own.tokens);
  Duration run = cost.Predict(own.steps, batch_tokens);
  int64_t left = others - std::max<int64_t>(batch_tokens - own.tokens, 0);
  for (const SentenceTask& task : later) {
    const int64_t beside =
        std::min(left, std::max<int64_t>(max_tokens - task.steps(), 0));
    left -= beside;
    apart += cost.Predict(task.steps(), task.steps());
    run += cost.Predict(task.steps(), task.steps() + beside);
  }
  apart = Times(kQueueMargin, apart);
  if (apart <= first.deadline - now && MayOvertake(first.client, apart)) {
    return absl::OkStatus();
  }
  const absl::Status status =
      InTime(now, first.deadline,
             WaitFor(first.client, first.deadline, now) +
                 Times(BatchCost::kMargin, run));
  if (!status.ok() && free_workers_ > 0 && queue_.empty()) {
    first.model->Doubt();
  }
  return status;
}

Duration BatchScheduler::WaitFor(ClientId client, TimePoint deadline,
                                 TimePoint now) const {
  TimePoint start = now;
  if (free_workers_ == 0) {
    start = TimePoint::max();
    for (const auto& running : running_) {
      start = std::min(start, std::max(now, running->predicted_end));
    }
  }
  const Duration ahead = queue_.WorkAhead(client, deadline);
  return (start - now) + Times(kQueueMargin, ahead / options_.workers);
}

bool BatchScheduler::MayOvertake(ClientId client, Duration run) const {
  const Duration clock = queue_.ClockOf(client) + run;
  return std::any_of(
      running_.begin(), running_.end(), [&](const auto& running) {
        return running->clients.count(client) == 0 && clock <= running->clock &&
               run < running->overtaking_left;
      });
}

absl::Status BatchScheduler::InTime(TimePoint now, TimePoint deadline,
                                    Duration time) const {
  if (time <= deadline - now) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "cannot be done by the deadline: ", Milliseconds(deadline - now),
      " ms are left, it would take about ", Milliseconds(time), " ms with ",
      queue_.queued_tokens(), " tokens waiting"));
}

absl::Status BatchScheduler::CheckBacklog(ClientId client, TimePoint deadline,
                                          RefusalReason* reason) const {
  const TimePoint now = SteadyNow();
  MutexLock lock(&mu_);
  *reason = RefusalReason::kDraining;
  if (!accepting_) {
    return absl::UnavailableError("the server is shutting down");
  }
  *reason = RefusalReason::kDeadline;
  if (queue_.empty() || deadline <= now ||
      MayOvertake(client, Duration::zero())) {
    return absl::OkStatus();
  }
  return InTime(now, deadline, WaitFor(client, deadline, now));
}

void BatchScheduler::Withdraw(ClientId client, TimePoint deadline) {
  SentenceQueue::Next next;
  {
    MutexLock lock(&mu_);
    next.cancelled = queue_.TakeCancelled(client, deadline);
    if (next.cancelled.empty()) return;
    UpdateTeams();
  }
  ObserveDead(next);
  DismissDead(&next);
}

void BatchScheduler::StopAccepting() {
  MutexLock lock(&mu_);
  accepting_ = false;
}

void BatchScheduler::Drain() {
  {
    MutexLock lock(&mu_);
    accepting_ = false;
    draining_ = true;
  }
  work_available_.NotifyAll();  // Workers end when nothing is left.
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

Duration BatchScheduler::RetryAfter() const {
  MutexLock lock(&mu_);
  if (!accepting_) return kRetryElsewhere;
  return queue_.queued_cost() / options_.workers;
}

bool BatchScheduler::accepting() const {
  MutexLock lock(&mu_);
  return accepting_;
}

int64_t BatchScheduler::queued_tokens() const {
  MutexLock lock(&mu_);
  return queue_.queued_tokens();
}

int64_t BatchScheduler::queued_sentences() const {
  MutexLock lock(&mu_);
  return queue_.queued_sentences();
}

int BatchScheduler::busy_workers() const {
  MutexLock lock(&mu_);
  return options_.workers - free_workers_ + helping_;
}

void BatchScheduler::Work(Running* running) {
  // For this thread alone, as Linux has it. Where it fails nothing is lost.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kWorkerNiceness);
  SentenceQueue::Next next;
  while (NextBatch(running, &next)) {
    ObserveDead(next);
    DismissDead(&next);
    if (!next.batch.empty()) RunBatch(std::move(next.batch), running);
    next = {};  // Lets go of the owners before the next wait.
    MutexLock lock(&mu_);
    running->overtaking_left = Duration::zero();  // Nothing to overtake now.
    running->runs = false;
    UpdateTeams();
    ++free_workers_;
  }
}

bool BatchScheduler::NextBatch(Running* running, SentenceQueue::Next* next) {
  MutexLock lock(&mu_);
  while (queue_.empty() && !draining_) HelpOrWait();
  if (queue_.empty()) return false;
  const TimePoint now = SteadyNow();
  *next = queue_.PopBatch(now, free_workers_);
  --free_workers_;
  Begin(*next, now, running);
  running->runs = !next->batch.empty();
  UpdateTeams();
  // To help.
  if (running->runs && queue_.empty() && free_workers_ > helping_) {
    work_available_.NotifyAll();
  }
  return true;
}

void BatchScheduler::Begin(const SentenceQueue::Next& next, TimePoint now,
                           Running* running) {
  running->clients = next.clients;
  running->clock = next.clock;
  running->look.store(!queue_.empty(), std::memory_order_relaxed);
  running->overtaken = Duration::zero();
  running->overtaking_left = Duration::zero();
  running->predicted_end = now;
  if (next.batch.empty()) return;
  const BatchCost::Sample size = SizeOf(next.batch);
  const Duration predicted =
      next.batch.front().model->cost().Predict(size.steps, size.tokens);
  running->predicted_end = now + predicted;
  // Not at the cost of what the batch owes.
  const Duration spare =
      next.deadline - now - Times(BatchCost::kMargin, predicted);
  running->overtaking_left =
      std::clamp(spare, Duration::zero(), Times(kOvertaking, predicted));
}

void BatchScheduler::RunUrgent(Running* running) {
  if (!running->look.load(std::memory_order_relaxed)) return;
  SentenceQueue::Next next;
  const TimePoint start = SteadyNow();
  {
    MutexLock lock(&mu_);
    // What came is theirs who are about to take it.
    if (free_workers_ > 0) return;
    running->look.store(false, std::memory_order_relaxed);
    next = queue_.PopUrgent(start, running->clients, running->clock,
                            running->overtaking_left);
    UpdateTeams();
  }
  if (next.empty()) return;
  ObserveDead(next);
  DismissDead(&next);
  if (!next.batch.empty()) RunBatch(std::move(next.batch), nullptr);
  const Duration took = SteadyNow() - start;
  running->overtaken += took;
  MutexLock lock(&mu_);
  running->overtaking_left -= took;
  running->predicted_end += took;
}

void BatchScheduler::ObserveDead(const SentenceQueue::Next& next) const {
  if (options_.observer == nullptr) return;
  int expired = static_cast<int>(next.expired.size());
  int cancelled = 0;
  // gRPC cancels a call whose deadline passes.
  const TimePoint now = SteadyNow();
  for (const SentenceTask& task : next.cancelled) {
    const bool late =
        IsOutOfTime(task.deadline - now, task.deadline - task.accepted);
    ++(late ? expired : cancelled);
  }
  if (expired > 0) options_.observer->SentencesExpired(expired);
  if (cancelled > 0) options_.observer->SentencesCancelled(cancelled);
}

void BatchScheduler::ObserveBatch(const std::vector<SentenceTask>& batch,
                                  TimePoint start,
                                  Duration compute_time) const {
  if (options_.observer == nullptr) return;
  BatchObserver::Batch report;
  report.rows = static_cast<int>(batch.size());
  report.tokens = SizeOf(batch).tokens;
  report.compute_time = compute_time;
  for (const SentenceTask& task : batch) {
    if (task.owner->cancelled()) ++report.cancelled_rows;
    options_.observer->SentenceStarted(start - task.accepted);
  }
  options_.observer->BatchEnded(report);
}

void BatchScheduler::RunBatch(std::vector<SentenceTask> batch,
                              Running* running) {
  const BatchModel& model = *batch.front().model;
  std::vector<SentenceOutput> outputs;
  std::function<void()> between_steps;
  Team* team = nullptr;
  if (running != nullptr) {
    between_steps = [=] { RunUrgent(running); };
    team = &running->team;
  }
  const TimePoint start = SteadyNow();
  const absl::Status status = RunTasks(batch, between_steps, team, &outputs);
  const Duration compute_time = SteadyNow() - start;
  const Duration own_time =
      compute_time -
      (running != nullptr ? running->overtaken : Duration::zero());
  if (status.ok()) {
    BatchCost::Sample sample = SizeOf(batch);
    sample.time = own_time;
    if (team != nullptr && team->TakeHelped()) {
      model.ObserveHelped(sample);
    } else {
      model.Observe(sample);
    }
  }
  ObserveBatch(batch, start, own_time);

  for (size_t i = 0; i < batch.size(); ++i) {
    SentenceResult result;
    if (status.ok()) result.values = std::move(outputs[i].values);
    result.queue_time = start - batch[i].accepted;
    result.compute_time = compute_time;
    batch[i].owner->SentenceDone(batch[i].index, status, std::move(result));
  }
}

}  // namespace elmo
