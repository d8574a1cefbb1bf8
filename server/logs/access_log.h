#ifndef ELMO_SERVER_LOGS_ACCESS_LOG_H_
#define ELMO_SERVER_LOGS_ACCESS_LOG_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "server/call_report.h"
#include "server/logs/log_event.h"

namespace elmo {

// Writes one line about a call that is over: a fault of the server as an
// error, one that was refused or came too late as a warning, another error and
// a slow one as information, all others at debug. Lines that callers can cause
// at will are at most kLinesPerSecond; the next line tells how many were left
// out.
//
// Thread-safe.
class AccessLog {
 public:
  struct Options {
    // A line at level info or above for every call, without a bound.
    bool all_requests = false;
    // A call that takes this long is worth a line.
    std::chrono::milliseconds slow_request = std::chrono::seconds(1);
  };
  static constexpr int kLinesPerSecond = 10;

  explicit AccessLog(const Options& options) : options_(options) {}

  // `now`: by the steady clock.
  void Write(const CallReport& report, TimePoint now);

 private:
  LogLevel LevelOf(const CallReport& report) const;
  // The lines left out since the last one; nullopt: leave this one out too.
  std::optional<int64_t> Admit(TimePoint now);

  const Options options_;
  Mutex mu_;
  TimePoint second_began_ ABSL_GUARDED_BY(mu_){};
  int lines_in_second_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace elmo

#endif  // ELMO_SERVER_LOGS_ACCESS_LOG_H_
