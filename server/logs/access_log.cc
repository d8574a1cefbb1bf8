#include "server/logs/access_log.h"

#include <string>
#include <utility>

namespace elmo {
namespace {

// Messages of ours are shorter; a library's may not be.
constexpr size_t kMaxErrorBytes = 512;

// To the microsecond: more digits say nothing.
double Milliseconds(Duration duration) {
  return static_cast<double>(
             std::chrono::round<std::chrono::microseconds>(duration).count()) /
         1000;
}

LogFields FieldsOf(const CallReport& report) {
  LogFields fields = {
      {"method", std::string(MethodName(report.method))},
      {"code", CodeName(report.status.code())},
      {"duration_ms", Milliseconds(report.duration)},
      {"queue_ms", Milliseconds(report.queue_time)},
      {"compute_ms", Milliseconds(report.compute_time)},
      {"sentences", report.sentences},
      {"tokens", report.tokens},
      {"request_bytes", report.request_bytes},
      {"response_bytes", report.response_bytes},
      {"peer", report.peer},
      {"request_id", report.request_id},
  };
  if (!report.trace_id.empty()) {
    fields.emplace_back("trace_id", report.trace_id);
    fields.emplace_back("span_id", report.span_id);
  }
  if (!report.status.ok()) {
    fields.emplace_back("error", std::string(report.status.message().substr(
                                     0, kMaxErrorBytes)));
  }
  return fields;
}

}  // namespace

void AccessLog::Write(const CallReport& report, TimePoint now) {
  const LogLevel level = LevelOf(report);
  if (!LogsAt(level)) return;
  LogFields fields = FieldsOf(report);
  if (level != LogLevel::kDebug && !options_.all_requests) {
    const std::optional<int64_t> left_out = Admit(now);
    if (!left_out.has_value()) return;
    if (*left_out > 0) fields.emplace_back("lines_left_out", *left_out);
  }
  LogEvent(level, "request", fields);
}

LogLevel AccessLog::LevelOf(const CallReport& report) const {
  switch (report.status.code()) {
    case absl::StatusCode::kOk:
      return options_.all_requests || report.duration >= options_.slow_request
                 ? LogLevel::kInfo
                 : LogLevel::kDebug;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return LogLevel::kError;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return LogLevel::kWarn;
    default:
      return LogLevel::kInfo;
  }
}

std::optional<int64_t> AccessLog::Admit(TimePoint now) {
  MutexLock lock(&mu_);
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    lines_in_second_ = 0;
  }
  if (lines_in_second_ >= kLinesPerSecond) {
    ++left_out_;
    return std::nullopt;
  }
  ++lines_in_second_;
  return std::exchange(left_out_, 0);
}

}  // namespace elmo
