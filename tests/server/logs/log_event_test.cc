#include "server/logs/log_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/testing/captured_log.h"

namespace elmo::testing {
namespace {

using nlohmann::ordered_json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kTime[] =
    "20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
    "\\.[0-9][0-9][0-9]Z";

// What somebody could want to get into a log.
std::vector<std::string> HostileStrings() {
  return {"two\nlines",
          "a\r\n2026-01-01T00:00:00.000Z error forged",
          "\"}{\"level\":\"error\"",
          "back\\slash",
          "\xff\xfe invalid",
          "cut off \xe2\x82",
          std::string("nul\0nul", 7),
          "\x1b[31mred\x7f",
          "\xe2\x80\xa8 line separator",
          "k=v other=\"x\"",
          std::string(10240, 'x')};
}

bool IsOneLine(const std::string& line) {
  return std::count(line.begin(), line.end(), '\n') == 1 &&
         line.back() == '\n' && line.find('\r') == std::string::npos;
}

TEST(LogEventTest, TextLineHasTimeLevelMessageAndFields) {
  CapturedLog log(LogFormat::kText);
  LogEvent(LogLevel::kWarn, "request",
           {{"code", "OK"},
            {"n", int64_t{-3}},
            {"t", 1.5},
            {"s", "a b"},
            {"e", ""}});
  const auto lines = log.lines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0],
              MatchesRegex(std::string(kTime) + " warn request .*\n"));
  EXPECT_THAT(lines[0],
              EndsWith(" warn request code=OK n=-3 t=1.5 s=\"a b\" e=\"\"\n"));
}

TEST(LogEventTest, JsonLineIsAnObjectWithTheFieldsInOrder) {
  CapturedLog log(LogFormat::kJson);
  LogEvent(LogLevel::kError, "request",
           {{"code", "OK"}, {"n", int64_t{-3}}, {"t", 1.5}});
  const auto lines = log.lines();
  ASSERT_THAT(lines, SizeIs(1));
  const auto json = ordered_json::parse(lines[0]);
  EXPECT_THAT(json["time"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_THAT(lines[0], EndsWith("\"level\":\"error\",\"message\":\"request\","
                                 "\"code\":\"OK\",\"n\":-3,\"t\":1.5}\n"));
}

TEST(LogEventTest, LinesOfSpdlogItselfHaveTheSameForm) {
  {
    CapturedLog log(LogFormat::kJson);
    spdlog::info("serving {}", "x");
    ASSERT_THAT(log.lines(), SizeIs(1));
    const auto json = ordered_json::parse(log.lines()[0]);
    EXPECT_EQ(json["message"], "serving x");
    EXPECT_EQ(json["level"], "info");
  }
  CapturedLog log(LogFormat::kText);
  spdlog::error("serving {}", "x");
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(log.lines()[0], EndsWith("Z error serving x\n"));
}

TEST(LogEventTest, HostileStringsStayOneValidJsonLine) {
  for (const std::string& hostile : HostileStrings()) {
    CapturedLog log(LogFormat::kJson);
    LogEvent(LogLevel::kInfo, hostile, {{"value", hostile}});
    ASSERT_THAT(log.lines(), SizeIs(1));
    const std::string line = log.lines()[0];
    EXPECT_TRUE(IsOneLine(line)) << line;
    const auto json = ordered_json::parse(line, nullptr, false);
    ASSERT_TRUE(json.is_object()) << line;
    EXPECT_EQ(json.size(), 4) << line;
    EXPECT_EQ(json["level"], "info");
    EXPECT_EQ(json["message"], json["value"]);
    // What was valid comes back as it was.
    if (hostile.find('\xff') == std::string::npos &&
        hostile.find("cut") == std::string::npos) {
      EXPECT_EQ(json["value"].get<std::string>(), hostile);
    }
  }
}

TEST(LogEventTest, HostileStringsStayOneLineOfText) {
  for (const std::string& hostile : HostileStrings()) {
    CapturedLog log(LogFormat::kText);
    LogEvent(LogLevel::kInfo, hostile, {{"value", hostile}});
    ASSERT_THAT(log.lines(), SizeIs(1));
    const std::string line = log.lines()[0];
    EXPECT_TRUE(IsOneLine(line)) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
    EXPECT_THAT(line, HasSubstr(" value="));
  }
}

TEST(LogEventTest, LinesBelowTheLevelAreNotWritten) {
  CapturedLog log(LogFormat::kText, "warn");
  EXPECT_FALSE(LogsAt(LogLevel::kInfo));
  EXPECT_TRUE(LogsAt(LogLevel::kWarn));
  LogEvent(LogLevel::kInfo, "quiet", {});
  EXPECT_THAT(log.lines(), IsEmpty());
}

TEST(LogEventTest, ThreadsDoNotMixTheirFields) {
  CapturedLog log(LogFormat::kJson);
  constexpr int kThreads = 4;
  constexpr int kLines = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kLines; ++i) {
        LogEvent(LogLevel::kInfo, std::to_string(t), {{"thread", int64_t{t}}});
        spdlog::info("plain");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_THAT(log.lines(), SizeIs(2 * kThreads * kLines));
  for (const std::string& line : log.lines()) {
    const auto json = ordered_json::parse(line);
    if (json["message"] == "plain") {
      EXPECT_FALSE(json.contains("thread"));
    } else {
      EXPECT_EQ(json["message"], std::to_string(json["thread"].get<int>()));
    }
  }
}

}  // namespace
}  // namespace elmo::testing
