#ifndef ELMO_TESTS_TESTING_CAPTURED_LOG_H_
#define ELMO_TESTS_TESTING_CAPTURED_LOG_H_

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/logs/log_event.h"

namespace elmo::testing {

// While it lives, the program's log goes here instead of stderr. One at a time;
// lines() is thread-safe.
class CapturedLog {
 public:
  explicit CapturedLog(LogFormat format, const std::string& level = "info")
      : sink_(std::make_shared<Sink>()), before_(spdlog::default_logger()) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("captured", sink_));
    spdlog::set_level(spdlog::level::from_str(level));
    SetLogFormat(format);
  }
  ~CapturedLog() {
    spdlog::set_default_logger(before_);
    spdlog::set_level(spdlog::level::info);
  }

  // What was written, each with the newline that ends it.
  std::vector<std::string> lines() const { return sink_->lines(); }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    std::vector<std::string> lines() {
      std::lock_guard<std::mutex> lock(mutex_);
      return lines_;
    }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      spdlog::memory_buf_t line;
      formatter_->format(message, line);
      lines_.emplace_back(line.data(), line.size());
    }
    void flush_() override {}

    std::vector<std::string> lines_;
  };

  const std::shared_ptr<Sink> sink_;
  const std::shared_ptr<spdlog::logger> before_;
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_CAPTURED_LOG_H_
