#include "server/embed_call.h"

#include <exception>
#include <utility>

#include "core/base/status_macros.h"
#include "server/grpc_message.h"
#include "server/grpc_status.h"
#include "server/response_builder.h"

namespace elmo {
namespace {

// Goes out without the client's reading it: HTTP/2's first window of a call.
// Whether a longer answer gets through is known only when it has left.
constexpr size_t kUnreadBytes = 65535;

}  // namespace

EmbedCall::EmbedCall(const EmbedContext& context,
                     grpc::CallbackServerContext* rpc,
                     grpc::ByteBuffer* response)
    : context_(context),
      rpc_(rpc),
      response_(response),
      client_(ClientOf(rpc)),
      received_(std::chrono::steady_clock::now()),
      deadline_(DeadlineOf(*rpc, received_, context.default_deadline)),
      record_(context.observers, RpcMethod::kEmbed, rpc),
      stall_guard_(context.stall, rpc, [this] { record_.Stalled(); }) {
  context_.in_flight->CallStarted();
}

void EmbedCall::Start(grpc::ByteBuffer* request) {
  absl::Status status;
  try {
    status = Submit(request);
  } catch (const std::exception& e) {  // Out of memory.
    status = absl::InternalError(e.what());
  }
  // On OK, JobDone() will answer, or already has: `this` may be gone.
  if (!status.ok()) Fail(status);
}

absl::Status EmbedCall::Submit(grpc::ByteBuffer* request) {
  RefusalReason reason;
  absl::Status result =
      context_.scheduler->CheckBacklog(client_, deadline_, &reason);
  if (!result.ok()) {
    record_.Refused(reason);
    return result;
  }
  ELMO_ASSIGN_OR_RETURN(
      AcceptedRequest accepted,
      AcceptRequest(*context_.validator, request, /*in_stream=*/false));
  record_.Accepted(accepted.plan, accepted.request_bytes);
  result = context_.in_flight->Reserve(client_, accepted.bytes);
  if (!result.ok()) {
    record_.Refused(RefusalReason::kBytesInFlight);
    return result;
  }
  reserved_bytes_ = accepted.bytes;

  job_ = std::make_shared<EmbedJob>(std::move(accepted.plan), received_);
  std::vector<SentenceTask> tasks =
      job_->Start(client_, deadline_,
                  [this](const absl::Status& status) { JobDone(status); });
  result = context_.scheduler->Submit(&tasks, &reason);
  // On OK the call may be over by now.
  if (!result.ok()) record_.Refused(reason);
  return result;
}

void EmbedCall::JobDone(const absl::Status& status) {
  absl::Status result = status;
  if (result.ok()) {
    try {
      result = SerializeMessage(
          BuildResponse(job_.get(), std::chrono::steady_clock::now()),
          response_);
    } catch (const std::exception& e) {  // Out of memory.
      result = absl::InternalError(e.what());
    }
  }
  record_.Answered(job_->timings(), static_cast<int64_t>(response_->Length()));
  if (result.ok()) {
    answered_ = std::chrono::steady_clock::now();
    // Whoever has the answer finds it counted.
    if (response_->Length() <= kUnreadBytes) record_.EndedOk(answered_);
    stall_guard_.Arm(context_.in_flight->bytes(client_));
    Finish(grpc::Status::OK);
  } else {
    Fail(result);
  }
}

void EmbedCall::Fail(const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    AddRetryPushback(context_.scheduler->RetryAfter(), rpc_);
  }
  record_.End(status);
  Finish(ToGrpcStatus(status));
}

void EmbedCall::OnCancel() {
  cancelled_ = true;
  if (job_ == nullptr) return;
  job_->Cancel();
  // What it holds is for others now, also while all workers are busy.
  context_.scheduler->Withdraw(client_, deadline_);
}

void EmbedCall::OnDone() {
  stall_guard_.Disarm();
  // Unless it was told before.
  if (cancelled_) {
    record_.End(absl::CancelledError("cancelled by the caller"));
  } else {
    record_.EndedOk(answered_);
  }
  context_.in_flight->Release(client_, reserved_bytes_);
  context_.in_flight->CallEnded();
  delete this;
}

}  // namespace elmo
