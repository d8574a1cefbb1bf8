#include "server/embed_call.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/status_macros.h"
#include "elmo/v1/embedding.pb.h"
#include "grpc/support/time.h"
#include "server/grpc_message.h"
#include "server/grpc_status.h"
#include "server/message_size.h"
#include "server/response_builder.h"
#include "spdlog/spdlog.h"

namespace elmo {
namespace {

// The call's deadline by the steady clock.
TimePoint DeadlineOf(const grpc::CallbackServerContext& rpc, TimePoint now,
                     Duration default_deadline) {
  const gpr_timespec deadline = rpc.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return now + default_deadline;
  }
  const gpr_timespec left =
      gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  // A caller may name a time that our nanoseconds cannot hold.
  constexpr int64_t kYear = 365 * 24 * 3600;
  return now +
         std::chrono::seconds(std::clamp<int64_t>(left.tv_sec, -1, kYear)) +
         std::chrono::nanoseconds(left.tv_nsec);
}

absl::StatusOr<v1::EmbedRequest> ReadRequest(grpc::ByteBuffer* buffer,
                                             const RequestLimits& limits) {
  ELMO_ASSIGN_OR_RETURN(const grpc::Slice bytes, TakeBytes(buffer));
  ELMO_RETURN_IF_ERROR(CheckMessageSize(
      {reinterpret_cast<const char*>(bytes.begin()), bytes.size()}, limits));
  v1::EmbedRequest message;
  ELMO_RETURN_IF_ERROR(ParseMessage(bytes, &message));
  return message;
}

// Bytes that a call holds: the request's text, the values as computed, and the
// values as they are sent.
int64_t BytesHeld(int64_t request_bytes, const EmbedPlan& plan) {
  const int64_t numbers = plan.response_bytes / BytesPerNumber(plan.encoding);
  return request_bytes + numbers * static_cast<int64_t>(sizeof(float)) +
         plan.response_bytes;
}

}  // namespace

EmbedCall::EmbedCall(const EmbedContext& context,
                     grpc::CallbackServerContext* rpc,
                     grpc::ByteBuffer* response)
    : context_(context),
      rpc_(rpc),
      response_(response),
      received_(std::chrono::steady_clock::now()) {
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
  const auto request_bytes = static_cast<int64_t>(request->Length());
  ELMO_ASSIGN_OR_RETURN(v1::EmbedRequest message,
                        ReadRequest(request, context_.validator->limits()));
  ELMO_ASSIGN_OR_RETURN(EmbedPlan plan,
                        context_.validator->Validate(std::move(message)));
  const int64_t bytes = BytesHeld(request_bytes, plan);
  ELMO_RETURN_IF_ERROR(context_.in_flight->Reserve(bytes));
  reserved_bytes_ = bytes;

  job_ = std::make_shared<EmbedJob>(std::move(plan), received_);
  std::vector<SentenceTask> tasks =
      job_->Start(DeadlineOf(*rpc_, received_, context_.default_deadline),
                  [this](const absl::Status& status) { JobDone(status); });
  return context_.scheduler->Submit(&tasks);
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
  if (result.ok()) {
    Finish(grpc::Status::OK);
  } else {
    Fail(result);
  }
}

void EmbedCall::Fail(const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    AddRetryPushback(context_.scheduler->RetryAfter(), rpc_);
  } else if (absl::IsInternal(status)) {
    spdlog::error("Embed: {}", std::string(status.message()));
  }
  Finish(ToGrpcStatus(status));
}

void EmbedCall::OnCancel() {
  if (job_ != nullptr) job_->Cancel();
}

void EmbedCall::OnDone() {
  context_.in_flight->CallEnded(reserved_bytes_);
  delete this;
}

}  // namespace elmo
