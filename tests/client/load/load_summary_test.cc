#include "client/load/load_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "client/load/load_random.h"
#include "client/retry_pushback.h"

namespace elmo {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// In words: the smallest time that `thousandths` of all do not exceed.
nanoseconds SlowPercentile(const std::vector<nanoseconds>& times,
                           size_t thousandths) {
  nanoseconds best = nanoseconds::max();
  for (const nanoseconds time : times) {
    size_t covered = 0;
    for (const nanoseconds other : times) covered += other <= time ? 1 : 0;
    if (covered * 1000 >= thousandths * times.size())
      best = std::min(best, time);
  }
  return best;
}

TEST(PercentilesTest, EqualTheirDefinitionForEveryCount) {
  LoadRandom random(1);
  std::vector<nanoseconds> times;
  for (int count = 1; count <= 220; ++count) {
    times.emplace_back(static_cast<int64_t>(random.Below(300)));  // With ties.
    const Percentiles p = PercentilesOf(times);
    ASSERT_EQ(p.count, count);
    ASSERT_EQ(p.p50, SlowPercentile(times, 500)) << count;
    ASSERT_EQ(p.p90, SlowPercentile(times, 900)) << count;
    ASSERT_EQ(p.p99, SlowPercentile(times, 990)) << count;
    ASSERT_EQ(p.p999, SlowPercentile(times, 999)) << count;
    ASSERT_EQ(p.max, SlowPercentile(times, 1000)) << count;
  }
}

TEST(PercentilesTest, OfNothingAreZero) {
  EXPECT_EQ(PercentilesOf({}).count, 0);
  EXPECT_EQ(PercentilesOf({}).max, nanoseconds(0));
}

CallRecord Call(nanoseconds intended, nanoseconds latency,
                absl::StatusCode code = absl::StatusCode::kOk,
                Outcome outcome = Outcome::kOk) {
  CallRecord call;
  call.intended = intended;
  call.latency = latency;
  call.sentences = 2;
  call.tokens = 10;
  call.code = code;
  call.outcome = outcome;
  return call;
}

TEST(LoadSummaryTest, CountsCallsByOutcomeAndCode) {
  LoadRecords records;
  records.duration = seconds(10);
  records.calls = {Call(seconds(1), milliseconds(5)),
                   Call(seconds(1), milliseconds(7)),
                   Call(seconds(2), milliseconds(1),
                        absl::StatusCode::kUnavailable, Outcome::kRefused),
                   Call(seconds(3), milliseconds(1),
                        absl::StatusCode::kUnavailable, Outcome::kFailed),
                   Call(seconds(3), milliseconds(9),
                        absl::StatusCode::kDeadlineExceeded, Outcome::kExpired),
                   Call(seconds(3), milliseconds(9),
                        absl::StatusCode::kCancelled, Outcome::kCancelled)};
  const LoadSummary summary = Summarise(records, nanoseconds(0));
  EXPECT_EQ(summary.offered, 6);
  EXPECT_EQ(summary.count(Outcome::kOk), 2);
  EXPECT_EQ(summary.count(Outcome::kRefused), 1);
  EXPECT_EQ(summary.count(Outcome::kFailed), 1);
  EXPECT_EQ(summary.count(Outcome::kExpired), 1);
  EXPECT_EQ(summary.count(Outcome::kCancelled), 1);
  EXPECT_THAT(summary.codes,
              UnorderedElementsAre(Pair(absl::StatusCode::kOk, 2),
                                   Pair(absl::StatusCode::kUnavailable, 2),
                                   Pair(absl::StatusCode::kDeadlineExceeded, 1),
                                   Pair(absl::StatusCode::kCancelled, 1)));
  EXPECT_EQ(summary.answered.max, milliseconds(7));
  EXPECT_EQ(summary.refused.count, 1);
  EXPECT_EQ(summary.refused.max, milliseconds(1));
}

TEST(LoadSummaryTest, LateAnswersAndThoseAfterTheLoadAreNoGoodput) {
  LoadRecords records;
  records.duration = seconds(10);
  records.calls = {Call(seconds(1), milliseconds(5)),
                   Call(seconds(2), milliseconds(5)),
                   Call(seconds(9), seconds(2))};
  records.calls[1].late = true;
  const LoadSummary summary = Summarise(records, nanoseconds(0));
  EXPECT_EQ(summary.late, 1);
  EXPECT_DOUBLE_EQ(summary.goodput_tokens_per_second, 1);
  EXPECT_DOUBLE_EQ(summary.goodput_sentences_per_second, 0.2);
  EXPECT_DOUBLE_EQ(summary.offered_tokens_per_second, 3);
  EXPECT_EQ(summary.answered.count, 3);
}

TEST(LoadSummaryTest, WarmUpIsNotCounted) {
  LoadRecords records;
  records.duration = seconds(10);
  records.calls = {Call(seconds(1), seconds(5)),
                   Call(seconds(4), milliseconds(5))};
  const LoadSummary summary = Summarise(records, seconds(2));
  EXPECT_EQ(summary.offered, 1);
  EXPECT_DOUBLE_EQ(summary.seconds, 8);
  EXPECT_EQ(summary.answered.max, milliseconds(5));
  // The first one's answer came after the warm-up: the server worked for it.
  EXPECT_DOUBLE_EQ(summary.goodput_tokens_per_second, 20.0 / 8);
}

TEST(LoadSummaryTest, CallsSentAfterTheLoadsEndWereNotSentInTime) {
  LoadRecords records;
  records.duration = seconds(10);
  records.calls = {Call(seconds(1), seconds(5)), Call(seconds(9), seconds(5))};
  records.calls[1].send_delay = seconds(3);
  const LoadSummary summary = Summarise(records, nanoseconds(0));
  EXPECT_EQ(summary.offered, 2);
  EXPECT_EQ(summary.sent, 1);
  EXPECT_EQ(summary.send_delay.max, seconds(3));
}

TEST(LoadIntervalsTest, LatencyBelongsToTheIntendedTimeGoodputToTheAnswers) {
  LoadRecords records;
  records.duration = seconds(10);
  records.calls = {Call(seconds(1), seconds(6))};
  const auto intervals = Intervals(records, 5);
  ASSERT_THAT(intervals, SizeIs(5));
  EXPECT_DOUBLE_EQ(intervals[3].begin_seconds, 6);
  EXPECT_EQ(intervals[0].answered.max, seconds(6));
  EXPECT_DOUBLE_EQ(intervals[0].goodput_tokens_per_second, 0);
  EXPECT_DOUBLE_EQ(intervals[3].goodput_tokens_per_second, 5);
}

TEST(LoadIntervalsTest, LoadOfNoTimeHasNone) {
  EXPECT_THAT(Intervals(LoadRecords(), 5), SizeIs(0));
}

TEST(ClassifyTest, RefusalIsUnavailableWithAPushback) {
  absl::Status status = absl::UnavailableError("x");
  EXPECT_EQ(Classify(status, false, false), Outcome::kFailed);
  SetRetryPushback("50", &status);
  EXPECT_EQ(Classify(status, false, false), Outcome::kRefused);
}

TEST(ClassifyTest, CancelledWithoutOurAskingIsAFailure) {
  const absl::Status status = absl::CancelledError("x");
  EXPECT_EQ(Classify(status, true, false), Outcome::kCancelled);
  EXPECT_EQ(Classify(status, false, true), Outcome::kAbandoned);
  EXPECT_EQ(Classify(status, false, false), Outcome::kFailed);
  EXPECT_EQ(Classify(absl::OkStatus(), true, false), Outcome::kOk);
}

}  // namespace
}  // namespace elmo
