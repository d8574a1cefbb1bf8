#include "server/logs/log_event.h"

#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace elmo {
namespace {

using Json = nlohmann::ordered_json;

// The fields of the line that this thread is writing. spdlog has none of its
// own; its formatter runs on the thread that logs, as our sink is synchronous.
thread_local const LogFields* current_fields = nullptr;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kInfo:
      break;
  }
  return spdlog::level::info;
}

const char* LevelName(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::warn:
      return "warn";
    case spdlog::level::err:
    case spdlog::level::critical:
      return "error";
    default:
      return "info";
  }
}

// RFC 3339, UTC, milliseconds.
std::string TimeText(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(
          time.time_since_epoch())
          .count() %
      1000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char date[32];
  const size_t size = std::strftime(date, sizeof(date), "%FT%T", &utc);
  char fraction[8];
  std::snprintf(fraction, sizeof(fraction), ".%03dZ",
                static_cast<int>(milliseconds));
  return std::string(date, size) + fraction;
}

Json ToJson(const LogValue& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

// Never throws for what is not UTF-8.
std::string Dump(const Json& json, bool ascii = false) {
  return json.dump(-1, ' ', ascii, Json::error_handler_t::replace);
}

std::string JsonLine(const spdlog::details::log_msg& message,
                     const LogFields& fields) {
  Json line;
  line["time"] = TimeText(message.time);
  line["level"] = LevelName(message.level);
  line["message"] = std::string(message.payload.data(), message.payload.size());
  for (const auto& [key, value] : fields) line[key] = ToJson(value);
  return Dump(line);
}

// A line of text is one line: control characters are escaped as in JSON.
std::string OneLine(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return c >= ' ' && c <= '~'; });
  if (plain) return std::string(text);
  std::string dumped = Dump(Json(std::string(text)));
  return dumped.substr(1, dumped.size() - 2);
}

std::string FieldText(const LogValue& value) {
  const std::string* text = std::get_if<std::string>(&value);
  if (text == nullptr) return Dump(ToJson(value));
  const bool plain =
      !text->empty() && std::all_of(text->begin(), text->end(), [](char c) {
        return c > ' ' && c <= '~' && c != '"' && c != '=' && c != '\\';
      });
  return plain ? *text : Dump(Json(*text));
}

std::string TextLine(const spdlog::details::log_msg& message,
                     const LogFields& fields) {
  std::string line = TimeText(message.time);
  line += ' ';
  line += LevelName(message.level);
  line += ' ';
  line += OneLine({message.payload.data(), message.payload.size()});
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    line += FieldText(value);
  }
  return line;
}

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(LogFormat format) : format_(format) {}

  void format(const spdlog::details::log_msg& message,
              spdlog::memory_buf_t& dest) override {
    static const LogFields kNone;
    const LogFields& fields = current_fields ? *current_fields : kNone;
    std::string line = format_ == LogFormat::kJson ? JsonLine(message, fields)
                                                   : TextLine(message, fields);
    line += '\n';
    dest.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_);
  }

 private:
  const LogFormat format_;
};

}  // namespace

bool LogsAt(LogLevel level) { return spdlog::should_log(ToSpdlog(level)); }

void LogEvent(LogLevel level, const std::string& message,
              const LogFields& fields) {
  current_fields = &fields;
  // spdlog catches what its sinks throw.
  spdlog::default_logger_raw()->log(ToSpdlog(level),
                                    spdlog::string_view_t(message));
  current_fields = nullptr;
}

void SetLogFormat(LogFormat format) {
  spdlog::set_formatter(std::make_unique<LineFormatter>(format));
}

}  // namespace elmo
