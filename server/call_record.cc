#include "server/call_record.h"

#include <optional>
#include <string_view>
#include <utility>

#include "server/logs/request_id.h"
#include "server/logs/trace_context.h"

namespace elmo {
namespace {

constexpr char kRequestId[] = "x-request-id";
constexpr char kTraceparent[] = "traceparent";

// The value of `key`; nullopt unless there is exactly one.
std::optional<std::string_view> OneValue(const grpc::CallbackServerContext& rpc,
                                         const char* key) {
  const auto& metadata = rpc.client_metadata();
  const auto [begin, end] = metadata.equal_range(key);
  if (begin == end || std::next(begin) != end) return std::nullopt;
  return std::string_view(begin->second.data(), begin->second.size());
}

int64_t Nanoseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

CallRecord::CallRecord(const CallObservers& observers, RpcMethod method,
                       grpc::CallbackServerContext* rpc)
    : observers_(observers),
      method_(method),
      rpc_(rpc),
      received_(std::chrono::steady_clock::now()) {
  const auto id = OneValue(*rpc_, kRequestId);
  request_id_ =
      id.has_value() && IsRequestId(*id) ? std::string(*id) : NewRequestId();
  rpc_->AddTrailingMetadata(kRequestId, request_id_);
  if (const auto traceparent = OneValue(*rpc_, kTraceparent)) {
    if (auto trace = ParseTraceparent(*traceparent)) {
      trace_id_ = std::move(trace->trace_id);
      span_id_ = std::move(trace->span_id);
    }
  }
  if (observers_.metrics != nullptr) observers_.metrics->CallStarted(method_);
}

CallRecord::~CallRecord() {
  End(absl::CancelledError("the call ended without an answer"));
  if (observers_.metrics != nullptr) observers_.metrics->CallClosed(method_);
}

void CallRecord::Accepted(const EmbedPlan& plan, int64_t request_bytes) {
  int64_t tokens = 0;
  for (const EmbedPlan::Sentence& sentence : plan.sentences) {
    tokens += static_cast<int64_t>(sentence.tokens.size());
  }
  const auto sentences = static_cast<int64_t>(plan.sentences.size());
  sentences_ += sentences;
  tokens_ += tokens;
  request_bytes_ += request_bytes;
  if (observers_.metrics != nullptr) {
    observers_.metrics->RequestAccepted(sentences, tokens,
                                        plan.tokenization_time);
  }
}

void CallRecord::Refused(RefusalReason reason) {
  if (observers_.metrics != nullptr) observers_.metrics->Refused(reason);
}

void CallRecord::Answered(const EmbedJob::Timings& timings,
                          int64_t response_bytes) {
  queue_ns_ += Nanoseconds(timings.queue);
  compute_ns_ += Nanoseconds(timings.compute);
  response_bytes_ += response_bytes;
}

void CallRecord::End(const absl::Status& status) {
  End(status, std::chrono::steady_clock::now());
}

void CallRecord::EndedOk(TimePoint answered) {
  End(absl::OkStatus(), answered);
}

void CallRecord::Stalled() {
  const absl::Status status =
      absl::CancelledError("ended by --stall-timeout: the answer was not read");
  if (observers_.metrics != nullptr) observers_.metrics->AnswerStalled();
  const TimePoint now = std::chrono::steady_clock::now();
  if (ended_ && observers_.log != nullptr) {
    observers_.log->Write(Report(status, now), now);
  }
  End(status, now);
}

void CallRecord::End(const absl::Status& status, TimePoint end) {
  if (ended_.exchange(true)) return;
  // gRPC cancels a call whose deadline passes.
  const Duration left = rpc_->deadline() - std::chrono::system_clock::now();
  const bool late =
      absl::IsCancelled(status) && IsOutOfTime(left, end - received_ + left);
  const CallReport report = Report(
      late ? absl::DeadlineExceededError(status.message()) : status, end);
  if (observers_.metrics != nullptr) observers_.metrics->CallEnded(report);
  if (observers_.log != nullptr) {
    observers_.log->Write(report, received_ + report.duration);
  }
}

CallReport CallRecord::Report(const absl::Status& status, TimePoint end) const {
  CallReport report;
  report.method = method_;
  report.status = status;
  report.duration = end - received_;
  report.queue_time = std::chrono::nanoseconds(queue_ns_);
  report.compute_time = std::chrono::nanoseconds(compute_ns_);
  report.sentences = sentences_;
  report.tokens = tokens_;
  report.request_bytes = request_bytes_;
  report.response_bytes = response_bytes_;
  if (observers_.log != nullptr) report.peer = rpc_->peer();
  report.request_id = request_id_;
  report.trace_id = trace_id_;
  report.span_id = span_id_;
  return report;
}

}  // namespace elmo
