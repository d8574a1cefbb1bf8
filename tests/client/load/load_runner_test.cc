#include "client/load/load_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/load/load_summary.h"
#include "client/retry_pushback.h"
#include "tests/client/fake_model.h"
#include "tests/testing/mock_connection.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::AnswerAtOnce;
using ::elmo::testing::FakeAnswer;
using ::elmo::testing::IsOk;
using ::elmo::testing::MockConnection;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::_;
using ::testing::Each;
using ::testing::Field;
using ::testing::SizeIs;

// Time that passes only where somebody waits.
class FakeClock : public LoadClock {
 public:
  TimePoint Now() override { return now_; }
  void SleepUntil(TimePoint time) override { now_ = std::max(now_, time); }
  void Advance(nanoseconds time) { now_ += time; }

 private:
  TimePoint now_{seconds(1000)};
};

class LoadRunnerTest : public ::testing::Test {
 protected:
  LoadRunnerTest() {
    RequestPoolOptions pool;
    pool.distinct = 5;
    pool.max_tokens = 10;
    requests_ = InventRequests(pool, {});
    plan_.rate = 100;
    plan_.max_calls = 200;
    plan_.num_requests = requests_.size();
    plan_.min_deadline = plan_.max_deadline = seconds(1);
  }

  LoadRecords Run() {
    LoadRunner runner(options_, requests_, {connection_}, clock_);
    ArrivalSchedule schedule(plan_);
    return runner.Run(&schedule, stop_, [](const LoadProgress&) {});
  }

  void AskUnloaded() {
    std::atomic<bool> stop{false};
    auto check =
        AnswerCheck::Ask(requests_, *connection_, clock_, stop, [](size_t) {});
    ASSERT_THAT(check, IsOk());
    check_ = *std::move(check);
    options_.check = &*check_;
  }

  std::shared_ptr<MockConnection> connection_ =
      std::make_shared<MockConnection>();
  FakeClock clock_;
  std::vector<PooledRequest> requests_;
  ArrivalSchedule::Options plan_;
  LoadRunner::Options options_;
  std::optional<AnswerCheck> check_;
  std::atomic<bool> stop_{false};
};

TEST_F(LoadRunnerTest, SendsEveryCallAtItsIntendedTime) {
  std::vector<nanoseconds> sent;
  const auto start = clock_.Now();
  EXPECT_CALL(*connection_, AsyncEmbed)
      .Times(200)
      .WillRepeatedly(AnswerAtOnce([&](const v1::EmbedRequest& request) {
        sent.push_back(clock_.Now() - start);
        return FakeAnswer(request);
      }));
  const LoadRecords records = Run();
  ASSERT_THAT(records.calls, SizeIs(200));
  ArrivalSchedule schedule(plan_);
  for (const nanoseconds time : sent) {
    ASSERT_EQ(time, schedule.Next()->intended);
  }
  EXPECT_THAT(records.calls, Each(Field(&CallRecord::latency, nanoseconds(0))));
}

TEST_F(LoadRunnerTest, DelayOfTheSenderIsLatency) {
  // The first call holds the sender up for two seconds.
  bool first = true;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([&](const v1::EmbedRequest& request) {
        if (first) clock_.Advance(seconds(2));
        first = false;
        return FakeAnswer(request);
      }));
  plan_.min_deadline = plan_.max_deadline = seconds(10);
  const LoadRecords records = Run();
  ASSERT_THAT(records.calls, SizeIs(200));
  const nanoseconds resumed = records.calls[0].intended + seconds(2);
  EXPECT_EQ(records.calls[0].latency, seconds(2));
  int delayed = 0;
  for (const CallRecord& call : records.calls) {
    const nanoseconds expected =
        std::max(resumed - call.intended, nanoseconds(0));
    ASSERT_EQ(call.latency, expected);
    delayed += expected > nanoseconds(0) ? 1 : 0;
  }
  EXPECT_GT(delayed, 100);  // Of 200 in about two seconds.
}

TEST_F(LoadRunnerTest, DeadlineRunsFromTheIntendedTime) {
  bool first = true;
  std::vector<milliseconds> timeouts;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly([&](const CallOptions& options, const auto& request,
                          const auto& done) -> EmbedConnection::Cancel {
        timeouts.push_back(*options.timeout);
        if (first) clock_.Advance(milliseconds(900));
        first = false;
        done(FakeAnswer(*request));
        return [] {};
      });
  const LoadRecords records = Run();
  EXPECT_EQ(timeouts[0], seconds(1));
  // The second was due about 10 ms after the first; 110 ms are left of it.
  const auto left =
      records.calls[1].intended - records.calls[0].intended + milliseconds(100);
  EXPECT_EQ(timeouts[1], std::chrono::ceil<milliseconds>(left));
}

TEST_F(LoadRunnerTest, AnswerAfterItsDeadlineIsLate) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([&](const v1::EmbedRequest& request) {
        clock_.Advance(milliseconds(1001));
        return FakeAnswer(request);
      }));
  plan_.max_calls = 3;
  EXPECT_THAT(Run().calls, Each(Field(&CallRecord::late, true)));
}

TEST_F(LoadRunnerTest, CancelsAtThePlannedTime) {
  plan_.cancel_share = 1;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly([](const auto&, const auto&, const auto& done) {
        return [done] { done(absl::CancelledError("")); };
      });
  const LoadRecords records = Run();
  ASSERT_THAT(records.calls, SizeIs(200));
  EXPECT_THAT(records.calls,
              Each(Field(&CallRecord::outcome, Outcome::kCancelled)));
  ArrivalSchedule schedule(plan_);
  std::vector<nanoseconds> expected;
  while (auto call = schedule.Next()) {
    expected.push_back(call->intended + *call->cancel_after);
  }
  std::sort(expected.begin(), expected.end());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(records.calls[i].intended + records.calls[i].latency,
              expected[i]);
  }
}

TEST_F(LoadRunnerTest, RefusalsAndFailuresAreTold) {
  int calls = 0;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce(
          [&](const v1::EmbedRequest&) -> absl::StatusOr<v1::EmbedResponse> {
            absl::Status status = absl::UnavailableError("x");
            if (calls++ % 2 == 0) SetRetryPushback("10", &status);
            return status;
          }));
  const LoadRecords records = Run();
  const LoadSummary summary = Summarise(records, nanoseconds(0));
  EXPECT_EQ(summary.count(Outcome::kRefused), 100);
  EXPECT_EQ(summary.count(Outcome::kFailed), 100);
  EXPECT_EQ(summary.codes.at(absl::StatusCode::kUnavailable), 200);
  EXPECT_EQ(records.first_failure.message(), "x");
}

TEST_F(LoadRunnerTest, EverySoManiethAnswerIsComparedAndADifferenceCounted) {
  bool loaded = false;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([&](const v1::EmbedRequest& request) {
        auto answer = FakeAnswer(request);
        if (loaded) {  // One bit of the last number.
          std::string* data = answer->mutable_embeddings(0)->mutable_data();
          data->back() = static_cast<char>(data->back() ^ 1);
        }
        return answer;
      }));
  AskUnloaded();
  options_.verify_every = 20;
  EXPECT_EQ(Run().mismatches, 0);
  loaded = true;
  const LoadRecords records = Run();
  EXPECT_EQ(records.verified, 10);
  EXPECT_EQ(records.mismatches, 10);
}

TEST_F(LoadRunnerTest, ClosedLoopKeepsSoManyUnderWay) {
  options_.max_in_flight = 7;
  options_.duration = seconds(10);
  plan_.rate = 0;
  plan_.max_calls = 100;
  size_t most = 0;
  std::vector<EmbedConnection::EmbedCallback> waiting;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly([&](const auto&, const auto&,
                          const auto& done) -> EmbedConnection::Cancel {
        waiting.push_back(done);
        most = std::max(most, waiting.size());
        if (waiting.size() == 7) {  // The eighth would wait for one of these.
          clock_.Advance(milliseconds(3));
          for (const auto& each : waiting) each(v1::EmbedResponse());
          waiting.clear();
        }
        return [] {};
      });
  plan_.max_calls = 98;  // 14 rounds of 7.
  const LoadRecords records = Run();
  EXPECT_EQ(most, 7u);
  ASSERT_THAT(records.calls, SizeIs(98));
  EXPECT_THAT(records.calls,
              Each(Field(&CallRecord::latency, milliseconds(3))));
}

TEST_F(LoadRunnerTest, ClosedLoopEndsAfterItsDuration) {
  options_.max_in_flight = 1;
  options_.duration = seconds(1);
  plan_.rate = 0;
  plan_.max_calls.reset();
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([&](const v1::EmbedRequest& request) {
        clock_.Advance(milliseconds(100));
        return FakeAnswer(request);
      }));
  EXPECT_THAT(Run().calls, SizeIs(10));
}

TEST_F(LoadRunnerTest, QuietEndOfTheLoadBelongsToIt) {
  plan_.rate = 0.001;
  plan_.max_calls.reset();
  plan_.duration = options_.duration = seconds(5);
  EXPECT_CALL(*connection_, AsyncEmbed).Times(0);
  EXPECT_EQ(Run().duration, seconds(5));
}

TEST_F(LoadRunnerTest, InterruptAbandonsWhatIsUnderWay) {
  int calls = 0;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly([&](const auto&, const auto&, const auto& done) {
        if (++calls == 10) stop_ = true;
        return [done] { done(absl::CancelledError("")); };
      });
  const LoadRecords records = Run();
  ASSERT_THAT(records.calls, SizeIs(10));
  EXPECT_THAT(records.calls,
              Each(Field(&CallRecord::outcome, Outcome::kAbandoned)));
}

TEST_F(LoadRunnerTest, ConnectionsTakeTurns) {
  auto other = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection_, AsyncEmbed)
      .Times(100)
      .WillRepeatedly(AnswerAtOnce(FakeAnswer));
  EXPECT_CALL(*other, AsyncEmbed)
      .Times(100)
      .WillRepeatedly(AnswerAtOnce(FakeAnswer));
  LoadRunner runner(options_, requests_, {connection_, other}, clock_);
  ArrivalSchedule schedule(plan_);
  EXPECT_THAT(runner.Run(&schedule, stop_, [](const LoadProgress&) {}).calls,
              SizeIs(200));
}

TEST_F(LoadRunnerTest, ServerThatFailsWithoutLoadEndsTheComparison) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillOnce(AnswerAtOnce([](const v1::EmbedRequest&) {
        return absl::StatusOr<v1::EmbedResponse>(absl::NotFoundError("m"));
      }));
  EXPECT_TRUE(absl::IsNotFound(
      AnswerCheck::Ask(requests_, *connection_, clock_, stop_, [](size_t) {
      }).status()));
}

}  // namespace
}  // namespace elmo
