#ifndef ELMO_SERVER_LOGS_TRACE_CONTEXT_H_
#define ELMO_SERVER_LOGS_TRACE_CONTEXT_H_

#include <optional>
#include <string>
#include <string_view>

namespace elmo {

// Where a call belongs in a distributed trace (W3C Trace Context).
struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits.
  std::string span_id;   // 16: the caller's span.
};

// Reads the header "traceparent", as W3C Trace Context level 1 has it; nullopt
// where it must be ignored. A version that we do not know is read as version
// 00, as the specification asks.
std::optional<TraceContext> ParseTraceparent(std::string_view traceparent);

}  // namespace elmo

#endif  // ELMO_SERVER_LOGS_TRACE_CONTEXT_H_
