#include "server/embed_stream.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/grpc_message.h"
#include "server/grpc_status.h"
#include "server/response_builder.h"

namespace elmo {
namespace {

using std::chrono::milliseconds;

// How soon to ask again for room.
constexpr Duration kMinRetry = milliseconds(5);
constexpr Duration kMaxRetry = milliseconds(200);

}  // namespace

EmbedStream::EmbedStream(const EmbedContext& context,
                         grpc::CallbackServerContext* rpc)
    : context_(context),
      rpc_(rpc),
      client_(ClientOf(rpc)),
      record_(context.observers, RpcMethod::kEmbedStream, rpc),
      stall_guard_(context.stall, rpc, [this] { record_.Stalled(); }) {
  context_.in_flight->CallStarted();
}

void EmbedStream::Start() {
  self_ = shared_from_this();
  Actions actions;
  {
    MutexLock lock(&mu_);
    actions = NextActions();
  }
  Do(actions);
}

void EmbedStream::Drain() {
  Actions actions;
  {
    MutexLock lock(&mu_);
    FailWith(absl::UnavailableError("the server is shutting down"));
    actions = NextActions();
  }
  Do(actions);
}

void EmbedStream::OnReadDone(bool ok) {
  Actions actions;
  {
    MutexLock lock(&mu_);
    reading_ = false;
    if (!ok) {
      reads_done_ = true;
      // Or else a connection that ends would pass for a caller's last request:
      // gRPC may tell of it later.
      if (rpc_->IsCancelled()) {
        FailWith(absl::CancelledError("cancelled by the caller"));
      }
    } else if (failure_.ok() && !dropping_) {
      absl::Status status;
      try {
        status = TakeRequest();
      } catch (const std::exception& e) {  // Out of memory.
        status = absl::InternalError(e.what());
      }
      if (!status.ok()) {
        FailWith(absl::Status(
            status.code(),
            absl::StrCat("request ", requests_ - 1, ": ", status.message())));
      }
      SubmitWaiting();
      HoldBack();
    }
    actions = NextActions();
  }
  Do(actions);
}

absl::Status EmbedStream::TakeRequest() {
  ++requests_;
  ELMO_ASSIGN_OR_RETURN(
      AcceptedRequest accepted,
      AcceptRequest(*context_.validator, &request_, /*in_stream=*/true));
  if (accepted.plan.session) {
    ELMO_RETURN_IF_ERROR(JoinSession(accepted.plan));
  }
  record_.Accepted(accepted.plan, accepted.request_bytes);
  const TimePoint now = std::chrono::steady_clock::now();
  const auto entry = std::make_shared<Entry>();
  entry->bytes = accepted.bytes;
  entry->request_bytes = accepted.request_bytes;
  entry->deadline = DeadlineOf(*rpc_, now, context_.default_deadline);
  entry->session = accepted.plan.session;
  entry->job = std::make_shared<EmbedJob>(std::move(accepted.plan), now);
  const std::weak_ptr<Entry> weak = entry;
  entry->tasks = entry->job->Start(
      client_, entry->deadline,
      [this, weak](const absl::Status& status) {
        JobDone(weak.lock(), status);
      },
      [this, weak] { SubmitNextOfSession(weak.lock()); });
  if (entry->session) {
    // Taken out in order, from the back.
    std::reverse(entry->tasks.begin(), entry->tasks.end());
    for (SentenceTask& task : entry->tasks) {
      task.input.start_state = &session_state_;
      task.final_state = &session_state_;
    }
  }
  open_.push_back(entry);
  return absl::OkStatus();
}

absl::Status EmbedStream::JoinSession(const EmbedPlan& plan) {
  const std::string& name = plan.model->name;
  if (session_name_.empty()) session_name_ = name;
  if (name == session_name_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "model is \"", name, "\"; the session of this stream is with \"",
      session_name_, "\", and one model's state means nothing to another"));
}

void EmbedStream::SubmitWaiting() {
  if (dropping_ || finished_) return;
  bool busy = false;          // A request before is not done.
  bool session_busy = false;  // One of the session.
  for (const EntryPtr& entry : open_) {
    if (!entry->submitted) {
      if (entry->session && session_busy) return;
      RefusalReason reason;
      const absl::Status status = Submit(entry, &reason);
      if (!status.ok()) {
        if (!context_.scheduler->accepting()) reason = RefusalReason::kDraining;
        // While some of its own are ahead there may be time enough after them.
        if (reason == RefusalReason::kDraining ||
            (reason == RefusalReason::kDeadline && !busy)) {
          Refuse(entry, status, reason);
        } else {
          RetryLater();
        }
        return;
      }
    }
    busy |= !entry->done;
    session_busy |= entry->session && !entry->done;
  }
}

void EmbedStream::Refuse(const EntryPtr& entry, const absl::Status& status,
                         RefusalReason reason) {
  record_.Refused(reason);
  const auto first = std::find(open_.begin(), open_.end(), entry);
  FailWith(absl::Status(
      status.code(), absl::StrCat("request ", requests_ - (open_.end() - first),
                                  ": ", status.message())));
  std::for_each(first, open_.end(),
                [this](const EntryPtr& given_up) { Release(given_up.get()); });
  open_.erase(first, open_.end());
}

void EmbedStream::HoldBack() {
  if (open_.empty() || open_.back()->submitted) return;
  const EntryPtr entry = open_.back();
  const absl::Status status =
      context_.in_flight->ReserveWaiting(client_, entry->request_bytes);
  entry->waiting = status.ok();
  if (!status.ok()) Refuse(entry, status, RefusalReason::kBytesInFlight);
}

absl::Status EmbedStream::Submit(const EntryPtr& entry, RefusalReason* reason) {
  *reason = RefusalReason::kBytesInFlight;
  ELMO_RETURN_IF_ERROR(context_.in_flight->Reserve(client_, entry->bytes));
  absl::Status status;
  if (entry->session) {
    PrepareState(*entry->job->plan().model);
    std::vector<SentenceTask> first = {entry->tasks.back()};
    status = context_.scheduler->Submit(
        &first, reason,
        absl::MakeConstSpan(entry->tasks).first(entry->tasks.size() - 1));
    if (status.ok()) entry->tasks.pop_back();
  } else {
    status = context_.scheduler->Submit(&entry->tasks, reason);
  }
  if (status.ok()) {
    Release(entry.get());  // What it held while it waited.
    entry->submitted = true;
  } else {
    context_.in_flight->Release(client_, entry->bytes);
  }
  return status;
}

void EmbedStream::PrepareState(const ServedModel& model) {
  LstmState zero = LstmState::Zero(model.engine->options().lstm);
  // The sizes are the engine's own safety: options may change beside weights.
  if (session_checksum_ == model.checksum &&
      session_state_.h.size() == zero.h.size() &&
      session_state_.c.size() == zero.c.size()) {
    return;
  }
  session_checksum_ = model.checksum;
  session_state_ = std::move(zero);
}

void EmbedStream::SubmitNextOfSession(const EntryPtr& entry) {
  if (!entry->session) return;
  std::vector<SentenceTask> next;
  {
    MutexLock lock(&mu_);
    if (entry->tasks.empty()) return;
    next.push_back(std::move(entry->tasks.back()));
    entry->tasks.pop_back();
  }
  const std::shared_ptr<EmbedJob> job = entry->job;
  std::vector<int> undone = {next.front().index};
  absl::Status status = absl::CancelledError("cancelled by the caller");
  if (!job->cancelled()) status = context_.scheduler->SubmitAccepted(&next);
  if (status.ok()) return;
  {
    MutexLock lock(&mu_);
    for (const SentenceTask& task : entry->tasks) undone.push_back(task.index);
    entry->tasks.clear();
  }
  for (const int index : undone) job->SentenceDone(index, status, {});
}

void EmbedStream::JobDone(const EntryPtr& entry, const absl::Status& status) {
  absl::Status result = status;
  grpc::ByteBuffer response;
  if (result.ok()) {
    try {
      result = SerializeMessage(
          BuildResponse(entry->job.get(), std::chrono::steady_clock::now()),
          &response);
    } catch (const std::exception& e) {  // Out of memory.
      result = absl::InternalError(e.what());
    }
  }
  Actions actions;
  {
    MutexLock lock(&mu_);
    entry->done = true;
    entry->result = std::move(result);
    entry->response = std::move(response);
    SubmitWaiting();
    actions = NextActions();
  }
  Do(actions);
}

void EmbedStream::OnWriteDone(bool ok) {
  stall_guard_.Disarm();
  Actions actions;
  {
    MutexLock lock(&mu_);
    writing_ = false;
    Release(open_.front().get());
    open_.pop_front();
    if (!ok) dropping_ = true;
    SubmitWaiting();
    actions = NextActions();
  }
  Do(actions);
}

void EmbedStream::OnCancel() {
  std::set<TimePoint> deadlines;
  {
    MutexLock lock(&mu_);
    dropping_ = true;
    FailWith(absl::CancelledError("cancelled by the caller"));
    for (const EntryPtr& entry : open_) {
      entry->job->Cancel();
      deadlines.insert(entry->deadline);
    }
  }
  // What they hold is for others now, also while all workers are busy.
  for (const TimePoint deadline : deadlines) {
    context_.scheduler->Withdraw(client_, deadline);
  }
  Actions actions;
  {
    MutexLock lock(&mu_);
    actions = NextActions();
  }
  Do(actions);
}

void EmbedStream::OnDone() {
  context_.in_flight->CallEnded();
  self_.reset();  // Last: `this` may be gone.
}

void EmbedStream::RetryLater() {
  const Duration wait =
      std::clamp(context_.scheduler->RetryAfter(), kMinRetry, kMaxRetry);
  retry_ = std::make_unique<grpc::Alarm>();
  retry_->Set(
      std::chrono::system_clock::now() +
          std::chrono::duration_cast<std::chrono::system_clock::duration>(wait),
      [weak = weak_from_this()](bool expired) {
        const std::shared_ptr<EmbedStream> stream = weak.lock();
        if (expired && stream != nullptr) stream->Retry();
      });
}

void EmbedStream::Retry() {
  Actions actions;
  {
    MutexLock lock(&mu_);
    SubmitWaiting();
    actions = NextActions();
  }
  Do(actions);
}

void EmbedStream::FailWith(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

EmbedStream::Actions EmbedStream::NextActions() {
  Actions actions;
  if (finished_) return actions;
  if (!writing_ && !dropping_ && !open_.empty() && open_.front()->done) {
    Entry& first = *open_.front();
    if (first.result.ok()) {
      writing_ = true;
      record_.Answered(first.job->timings(),
                       static_cast<int64_t>(first.response.Length()));
      actions.write = &first.response;
    } else {
      // The answers of those behind it are of no use: the order is a promise.
      const auto number = requests_ - static_cast<int64_t>(open_.size());
      failure_ = absl::Status(
          first.result.code(),
          absl::StrCat("request ", number, ": ", first.result.message()));
      dropping_ = true;
      for (const EntryPtr& entry : open_) entry->job->Cancel();
    }
  }
  if (dropping_) DropIdle();
  const bool no_more = reads_done_ || dropping_ || !failure_.ok();
  if (no_more && open_.empty()) {
    finished_ = true;
    actions.finish = true;
    actions.status = failure_;
    return actions;
  }
  // A request that is held back stops the reading: its answer has no room yet.
  const bool held_back = !open_.empty() && !open_.back()->submitted;
  if (!no_more && !reading_ && !held_back && open_.size() < kMaxOpen) {
    reading_ = true;
    actions.read = true;
  }
  return actions;
}

void EmbedStream::Do(const Actions& actions) {
  // Finish() may end this object, and is never asked for with another action.
  if (actions.finish) {
    if (absl::IsUnavailable(actions.status)) {
      AddRetryPushback(context_.scheduler->RetryAfter(), rpc_);
    }
    record_.End(actions.status);
    Finish(ToGrpcStatus(actions.status));
    return;
  }
  if (actions.write != nullptr) {
    stall_guard_.Arm(context_.in_flight->bytes(client_));
    StartWrite(actions.write);
  }
  if (actions.read) StartRead(&request_);
}

void EmbedStream::DropIdle() {
  while (!open_.empty() && !open_.back()->submitted) {
    Release(open_.back().get());
    open_.pop_back();
  }
  while (!writing_ && !open_.empty() && open_.front()->done) {
    Release(open_.front().get());
    open_.pop_front();
  }
}

void EmbedStream::Release(Entry* entry) {
  if (entry->submitted) context_.in_flight->Release(client_, entry->bytes);
  if (entry->waiting) {
    context_.in_flight->ReleaseWaiting(client_, entry->request_bytes);
    entry->waiting = false;
  }
}

void EmbedStreams::Add(const std::shared_ptr<EmbedStream>& stream) {
  bool draining = false;
  {
    MutexLock lock(&mu_);
    draining = draining_;
    // Those that are over go when there are many: linear work, rarely.
    if (streams_.size() == streams_.capacity()) {
      streams_.erase(
          std::remove_if(streams_.begin(), streams_.end(),
                         [](const auto& weak) { return weak.expired(); }),
          streams_.end());
    }
    streams_.push_back(stream);
  }
  if (draining) stream->Drain();
}

void EmbedStreams::Drain() {
  std::vector<std::weak_ptr<EmbedStream>> streams;
  {
    MutexLock lock(&mu_);
    draining_ = true;
    streams.swap(streams_);
  }
  for (const auto& weak : streams) {
    if (const auto stream = weak.lock()) stream->Drain();
  }
}

}  // namespace elmo
