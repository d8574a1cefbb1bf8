#ifndef ELMO_SERVER_LOGS_LOG_EVENT_H_
#define ELMO_SERVER_LOGS_LOG_EVENT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace elmo {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// Named values of a line, in order. Strings may hold anything: they are
// escaped when the line is written.
using LogValue = std::variant<std::string, int64_t, double>;
using LogFields = std::vector<std::pair<const char*, LogValue>>;

// Whether a line of this level would be written.
bool LogsAt(LogLevel level);

// One line with fields, through spdlog's default logger. Thread-safe.
void LogEvent(LogLevel level, const std::string& message,
              const LogFields& fields);

enum class LogFormat { kText, kJson };

// How all lines are written from now on, those of spdlog::info() and others
// included. Text:
//   2026-01-31T12:00:00.000Z info message key=value key="a value"
// JSON, one object a line:
//   {"time":"2026-01-31T12:00:00.000Z","level":"info","message":"...","key":1}
// Either way a line is one line of valid UTF-8, whatever it is about. Not
// thread-safe: before other threads log.
void SetLogFormat(LogFormat format);

}  // namespace elmo

#endif  // ELMO_SERVER_LOGS_LOG_EVENT_H_
