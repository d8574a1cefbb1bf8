#include "server/logs/trace_context.h"

#include <algorithm>

namespace elmo {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr size_t kVersionSize = 2;
constexpr size_t kTraceIdAt = 3;
constexpr size_t kTraceIdSize = 32;
constexpr size_t kSpanIdAt = kTraceIdAt + kTraceIdSize + 1;
constexpr size_t kSpanIdSize = 16;
constexpr size_t kFlagsAt = kSpanIdAt + kSpanIdSize + 1;
constexpr size_t kFlagsSize = 2;
constexpr size_t kSize = kFlagsAt + kFlagsSize;

// Lower case alone is valid.
bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view traceparent) {
  if (traceparent.size() < kSize) return std::nullopt;
  const std::string_view version = traceparent.substr(0, kVersionSize);
  const std::string_view trace_id =
      traceparent.substr(kTraceIdAt, kTraceIdSize);
  const std::string_view span_id = traceparent.substr(kSpanIdAt, kSpanIdSize);
  const std::string_view flags = traceparent.substr(kFlagsAt, kFlagsSize);
  if (traceparent[kTraceIdAt - 1] != '-' || traceparent[kSpanIdAt - 1] != '-' ||
      traceparent[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  if (!IsHex(version) || !IsHex(trace_id) || !IsHex(span_id) || !IsHex(flags)) {
    return std::nullopt;
  }
  if (version == "ff" || IsZero(trace_id) || IsZero(span_id)) {
    return std::nullopt;
  }
  // Later versions may go on after another dash, this one may not.
  if (traceparent.size() > kSize &&
      (version == "00" || traceparent[kSize] != '-')) {
    return std::nullopt;
  }
  return TraceContext{std::string(trace_id), std::string(span_id)};
}

}  // namespace elmo
