#include "client/load/load_runner.h"

#include <algorithm>

namespace elmo {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How long an interrupt or the progress bar may wait.
constexpr milliseconds kTick{50};

// What is left of the deadline, rounded up: gRPC gets whole milliseconds, and
// an answer that comes in the last one is told from the record as late.
milliseconds TimeoutOf(nanoseconds left) {
  return std::max(std::chrono::ceil<milliseconds>(left), milliseconds(1));
}

}  // namespace

LoadRunner::LoadRunner(
    const Options& options, const std::vector<PooledRequest>& requests,
    const std::vector<std::shared_ptr<EmbedConnection>>& connections,
    LoadClock& clock)
    : options_(options),
      requests_(requests),
      connections_(connections),
      clock_(clock) {}

LoadRecords LoadRunner::Run(
    ArrivalSchedule* schedule, const std::atomic<bool>& stop,
    const std::function<void(const LoadProgress&)>& show) {
  start_ = clock_.Now();
  show_ = show;
  while (std::optional<PlannedCall> call = schedule->Next()) {
    if (!AwaitTurn(&*call, stop)) break;
    Send(*call);
  }
  // Also the time in which nobody happened to call is part of the load.
  nanoseconds duration = clock_.Now() - start_;
  if (options_.duration && !schedule->ended_by_count() &&
      AwaitTime(start_ + *options_.duration, stop)) {
    duration = *options_.duration;
  }
  Drain(stop);
  MutexLock lock(&mu_);
  records_.duration = duration;
  return std::move(records_);
}

bool LoadRunner::AwaitTurn(PlannedCall* call, const std::atomic<bool>& stop) {
  return options_.max_in_flight > 0 ? AwaitPlace(call, stop)
                                    : AwaitTime(start_ + call->intended, stop);
}

bool LoadRunner::AwaitTime(TimePoint time, const std::atomic<bool>& stop) {
  while (!stop) {
    const TimePoint now = clock_.Now();
    const TimePoint next_cancel = CancelDue(now + kTick);
    Show();
    if (now >= time) return true;
    clock_.SleepUntil(std::min(time, next_cancel));
  }
  return false;
}

bool LoadRunner::AwaitPlace(PlannedCall* call, const std::atomic<bool>& stop) {
  while (!stop) {
    call->intended = clock_.Now() - start_;
    if (options_.duration && call->intended >= *options_.duration) return false;
    CancelDue(clock_.Now());
    Show();
    MutexLock lock(&mu_);
    const auto under_way = static_cast<int>(in_flight_.size());
    if (under_way < options_.max_in_flight) return true;
    call_ended_.WaitUntil(&mu_, std::chrono::steady_clock::now() + kTick);
  }
  return false;
}

void LoadRunner::Send(const PlannedCall& call) {
  InFlight entry;
  entry.plan = call;
  entry.intended = start_ + call.intended;
  entry.send_delay = clock_.Now() - entry.intended;
  CallOptions options;
  options.timeout = TimeoutOf(call.deadline - entry.send_delay);
  if (call.cancel_after) {
    cancellations_.emplace(entry.intended + *call.cancel_after, call.number);
  }
  {
    MutexLock lock(&mu_);
    in_flight_.emplace(call.number, std::move(entry));
  }
  const auto& connection =
      connections_[static_cast<size_t>(call.number) % connections_.size()];
  EmbedConnection::Cancel cancel = connection->AsyncEmbed(
      options, requests_[call.request].message,
      [this,
       number = call.number](const absl::StatusOr<v1::EmbedResponse>& answer) {
        Ended(number, answer);
      });
  MutexLock lock(&mu_);
  const auto at = in_flight_.find(call.number);  // It may have ended already.
  if (at != in_flight_.end()) at->second.cancel = std::move(cancel);
}

bool LoadRunner::MustVerify(bool ok) {
  if (!ok || options_.check == nullptr) return false;
  MutexLock lock(&mu_);
  return num_ok_++ % options_.verify_every == 0;
}

void LoadRunner::Ended(int64_t number,
                       const absl::StatusOr<v1::EmbedResponse>& answer) {
  const TimePoint now = clock_.Now();
  const bool verify = MustVerify(answer.ok());
  size_t request;
  {
    MutexLock lock(&mu_);
    request = in_flight_.at(number).plan.request;
  }
  const bool differs = verify && !options_.check->Matches(request, *answer);

  MutexLock lock(&mu_);
  const auto at = in_flight_.find(number);
  const InFlight& entry = at->second;
  CallRecord record;
  record.intended = entry.plan.intended;
  record.latency = now - entry.intended;
  record.send_delay = entry.send_delay;
  record.sentences = requests_[request].sentences;
  record.tokens = requests_[request].tokens;
  record.code = answer.status().code();
  record.outcome = Classify(answer.status(), entry.cancelled, entry.abandoned);
  record.late = answer.ok() && record.latency > entry.plan.deadline;
  if (answer.ok()) {
    progress_.sentences += record.sentences;
    progress_.tokens += record.tokens;
  }
  records_.verified += verify ? 1 : 0;
  records_.mismatches += differs ? 1 : 0;
  records_.calls.push_back(record);
  if (record.outcome == Outcome::kFailed && records_.first_failure.ok()) {
    records_.first_failure = answer.status();
  }
  in_flight_.erase(at);
  // Under the lock: afterwards Run() may have returned.
  call_ended_.NotifyAll();
}

LoadRunner::TimePoint LoadRunner::CancelDue(TimePoint limit) {
  while (!cancellations_.empty()) {
    const auto [time, number] = cancellations_.top();
    if (time > clock_.Now()) return std::min(time, limit);
    cancellations_.pop();
    EmbedConnection::Cancel cancel;
    {
      MutexLock lock(&mu_);
      const auto at = in_flight_.find(number);
      if (at == in_flight_.end()) continue;
      at->second.cancelled = true;
      cancel = at->second.cancel;
    }
    cancel();  // Without the lock: it may end the call at once.
  }
  return limit;
}

void LoadRunner::CancelAll() {
  std::vector<EmbedConnection::Cancel> cancels;
  {
    MutexLock lock(&mu_);
    for (auto& [number, entry] : in_flight_) {
      entry.abandoned = true;
      cancels.push_back(entry.cancel);
    }
  }
  for (const EmbedConnection::Cancel& cancel : cancels) cancel();
}

void LoadRunner::Drain(const std::atomic<bool>& stop) {
  bool abandoned = false;
  while (true) {
    if (stop && !abandoned) {
      abandoned = true;
      CancelAll();
    }
    const TimePoint now = clock_.Now();
    const TimePoint next_cancel = CancelDue(now + kTick);
    Show();
    {
      MutexLock lock(&mu_);
      if (in_flight_.empty()) return;
      if (cancellations_.empty()) {
        call_ended_.WaitUntil(&mu_, std::chrono::steady_clock::now() + kTick);
        continue;
      }
    }
    clock_.SleepUntil(next_cancel);
  }
}

void LoadRunner::Show() {
  LoadProgress progress;
  {
    MutexLock lock(&mu_);
    progress = progress_;
  }
  progress.elapsed = clock_.Now() - start_;
  show_(progress);
}

}  // namespace elmo
