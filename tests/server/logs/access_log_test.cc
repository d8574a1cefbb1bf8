#include "server/logs/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/testing/captured_log.h"

namespace elmo::testing {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr TimePoint kNow(std::chrono::hours(1000));

CallReport ReportOf(absl::Status status, Duration duration = milliseconds(5)) {
  CallReport report;
  report.status = std::move(status);
  report.duration = duration;
  return report;
}

// The levels of the lines about these calls.
std::vector<std::string> LevelsOf(const AccessLog::Options& options,
                                  const std::vector<CallReport>& reports,
                                  const std::string& level = "info") {
  CapturedLog log(LogFormat::kJson, level);
  AccessLog access_log(options);
  for (const CallReport& report : reports) access_log.Write(report, kNow);
  std::vector<std::string> levels;
  for (const std::string& line : log.lines()) {
    levels.push_back(ordered_json::parse(line)["level"]);
  }
  return levels;
}

TEST(AccessLogTest, LineHasAllFields) {
  CapturedLog log(LogFormat::kJson);
  CallReport report;
  report.method = RpcMethod::kEmbedStream;
  report.status = absl::InvalidArgumentError("sentences has 0 entries");
  report.duration = std::chrono::microseconds(1500);
  report.queue_time = milliseconds(2);
  report.compute_time = milliseconds(3);
  report.sentences = 4;
  report.tokens = 5;
  report.request_bytes = 6;
  report.response_bytes = 7;
  report.peer = "ipv4:127.0.0.1:8";
  report.request_id = "nine";
  report.trace_id = "0af7651916cd43dd8448eb211c80319c";
  report.span_id = "b7ad6b7169203331";
  AccessLog({}).Write(report, kNow);
  ASSERT_THAT(log.lines(), SizeIs(1));
  ordered_json line = ordered_json::parse(log.lines()[0]);
  line.erase("time");
  EXPECT_EQ(line, ordered_json({
                      {"level", "info"},
                      {"message", "request"},
                      {"method", "EmbedStream"},
                      {"code", "INVALID_ARGUMENT"},
                      {"duration_ms", 1.5},
                      {"queue_ms", 2.0},
                      {"compute_ms", 3.0},
                      {"sentences", 4},
                      {"tokens", 5},
                      {"request_bytes", 6},
                      {"response_bytes", 7},
                      {"peer", "ipv4:127.0.0.1:8"},
                      {"request_id", "nine"},
                      {"trace_id", "0af7651916cd43dd8448eb211c80319c"},
                      {"span_id", "b7ad6b7169203331"},
                      {"error", "sentences has 0 entries"},
                  }));
}

TEST(AccessLogTest, WithoutTraceOrErrorTheirFieldsAreAbsent) {
  CapturedLog log(LogFormat::kJson, "debug");
  AccessLog({}).Write(ReportOf(absl::OkStatus()), kNow);
  ASSERT_THAT(log.lines(), SizeIs(1));
  const auto line = ordered_json::parse(log.lines()[0]);
  EXPECT_FALSE(line.contains("trace_id"));
  EXPECT_FALSE(line.contains("span_id"));
  EXPECT_FALSE(line.contains("error"));
  EXPECT_FALSE(line.contains("lines_left_out"));
}

TEST(AccessLogTest, LevelFollowsFromWhatHappened) {
  AccessLog::Options options;
  options.slow_request = seconds(1);
  EXPECT_THAT(LevelsOf(options,
                       {ReportOf(absl::OkStatus()),
                        ReportOf(absl::OkStatus(), milliseconds(999)),
                        ReportOf(absl::OkStatus(), milliseconds(1000)),
                        ReportOf(absl::InvalidArgumentError("")),
                        ReportOf(absl::CancelledError("")),
                        ReportOf(absl::UnavailableError("")),
                        ReportOf(absl::DeadlineExceededError("")),
                        ReportOf(absl::InternalError(""))},
                       "debug"),
              ElementsAre("debug", "debug", "info", "info", "info", "warn",
                          "warn", "error"));
}

TEST(AccessLogTest, GoodCallsAreLoggedOnlyWhenAskedFor) {
  AccessLog::Options options;
  EXPECT_THAT(LevelsOf(options, {ReportOf(absl::OkStatus())}), IsEmpty());
  options.all_requests = true;
  EXPECT_THAT(LevelsOf(options, {ReportOf(absl::OkStatus())}),
              ElementsAre("info"));
}

TEST(AccessLogTest, CallersCannotFillTheDisk) {
  CapturedLog log(LogFormat::kJson);
  AccessLog access_log({});
  const CallReport bad = ReportOf(absl::InvalidArgumentError(""));
  for (int i = 0; i < 1000; ++i) {
    access_log.Write(bad, kNow + milliseconds(i % 1000 / 2));
  }
  EXPECT_THAT(log.lines(), SizeIs(AccessLog::kLinesPerSecond));
  access_log.Write(bad, kNow + seconds(1));
  access_log.Write(bad, kNow + seconds(1));
  const auto lines = log.lines();
  ASSERT_THAT(lines, SizeIs(AccessLog::kLinesPerSecond + 2));
  EXPECT_EQ(
      ordered_json::parse(lines[AccessLog::kLinesPerSecond])["lines_left_out"],
      1000 - AccessLog::kLinesPerSecond);
  EXPECT_FALSE(ordered_json::parse(lines.back()).contains("lines_left_out"));
}

TEST(AccessLogTest, AskedForAllCallsItLeavesOutNone) {
  AccessLog::Options options;
  options.all_requests = true;
  const std::vector<CallReport> reports(
      100, ReportOf(absl::InvalidArgumentError("")));
  EXPECT_THAT(LevelsOf(options, reports), SizeIs(100));
}

TEST(AccessLogTest, LongMessagesAreCut) {
  CapturedLog log(LogFormat::kJson);
  AccessLog({}).Write(ReportOf(absl::InternalError(std::string(10000, 'x'))),
                      kNow);
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_EQ(ordered_json::parse(log.lines()[0])["error"],
            std::string(512, 'x'));
}

}  // namespace
}  // namespace elmo::testing
