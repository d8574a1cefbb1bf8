#include "server/connection_guard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace elmo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Steps of 4 ms, as the acceptor takes them.
class ConnectionAccountTest : public ::testing::Test {
 protected:
  Abuse Step(milliseconds passed = milliseconds(4)) {
    now_ += passed;
    return account_.Update(use_, now_);
  }
  // Calls begun and reset, one step.
  Abuse Reset(int64_t calls) {
    use_.calls_started += calls;
    use_.calls_reset += calls;
    use_.bytes += 150 * calls;
    return Step();
  }
  Abuse Answer(int64_t calls, int64_t bytes) {
    use_.calls_started += calls;
    use_.calls_answered += calls;
    use_.messages += calls;
    use_.bytes += bytes;
    return Step();
  }
  void BeStrict() {
    ConnectionAccount::Limits limits;
    limits.strict = true;
    account_ = ConnectionAccount(limits, now_);
  }

  TimePoint now_ = TimePoint() + seconds(1000);
  ConnectionUse use_;
  ConnectionAccount account_{ConnectionAccount::Limits(), now_};
};

TEST_F(ConnectionAccountTest, CallsResetWithoutEndAreAbuse) {
  Abuse abuse = Abuse::kNone;
  int64_t calls = 0;
  for (; abuse == Abuse::kNone && calls < 10000; calls += 50) {
    abuse = Reset(50);
  }
  EXPECT_EQ(abuse, Abuse::kResets);
  EXPECT_LE(calls, 300);
}

TEST_F(ConnectionAccountTest, StruckMachinesHaveLessCredit) {
  BeStrict();
  EXPECT_EQ(Reset(20), Abuse::kNone);
  EXPECT_EQ(Reset(20), Abuse::kResets);
}

TEST_F(ConnectionAccountTest, SlowResetsAndThoseBesideAnswersAreUse) {
  for (int i = 0; i < 1000; ++i) {
    use_.calls_started += 10;
    use_.calls_reset += 10;
    ASSERT_EQ(Step(milliseconds(100)), Abuse::kNone);
  }
  for (int i = 0; i < 1000; ++i) {  // Four of five give up.
    ASSERT_EQ(Answer(10, 2000), Abuse::kNone);
    ASSERT_EQ(Reset(40), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, ACallerWhoWasServedMayGiveUpAllItsCallsAtOnce) {
  EXPECT_EQ(Answer(300, 60000), Abuse::kNone);
  EXPECT_EQ(Reset(1000), Abuse::kNone);
  EXPECT_EQ(Reset(0), Abuse::kNone);
}

TEST_F(ConnectionAccountTest, ResetCallsThatAreNotLetGoOfCountAsWell) {
  use_.calls_started = 1000;  // So many a connection may have open.
  EXPECT_EQ(Step(), Abuse::kNone);
  use_.calls_started = 1001;
  EXPECT_EQ(Step(), Abuse::kResets);
}

TEST_F(ConnectionAccountTest, BytesWithoutAnyCallAreAbuse) {
  Abuse abuse = Abuse::kNone;
  for (int i = 0; abuse == Abuse::kNone && i < 100; ++i) {
    use_.bytes += 100000;
    abuse = Step();
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
  EXPECT_LE(use_.bytes, 500000);
}

TEST_F(ConnectionAccountTest, HeadersThatNeverEndAreAbuseHoweverSlow) {
  Abuse abuse = Abuse::kNone;
  int seconds_passed = 0;
  for (; abuse == Abuse::kNone && seconds_passed < 100; ++seconds_passed) {
    use_.bytes += 50000;
    abuse = Step(seconds(1));
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
  EXPECT_LE(seconds_passed, 5);
}

TEST_F(ConnectionAccountTest, RequestsRefusedBeforeTheyCameAreUse) {
  for (int i = 0; i < 100; ++i) {
    ++use_.calls_started;
    ++use_.calls_answered;
    use_.bytes += 1 << 20;
    ASSERT_EQ(Step(), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, KeepaliveForDaysIsUse) {
  for (int i = 0; i < 10000; ++i) {
    use_.bytes += 17;
    ASSERT_EQ(Step(seconds(10)), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, LargeRequestsAreUseWhileAndAfterTheyCome) {
  for (int i = 0; i < 100; ++i) {
    ++use_.calls_started;
    for (int part = 0; part < 40; ++part) {
      use_.bytes += 100000;
      ASSERT_EQ(Step(), Abuse::kNone);
    }
    ++use_.messages;
    ++use_.calls_answered;
    ASSERT_EQ(Step(), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, AnUploadThatIsGivenUpIsForgiven) {
  ++use_.calls_started;
  use_.bytes += 3 << 20;
  EXPECT_EQ(Step(), Abuse::kNone);
  ++use_.calls_reset;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_EQ(Step(), Abuse::kNone);
}

TEST_F(ConnectionAccountTest, AnOpenCallDoesNotExcuseFramesWithoutEnd) {
  use_.calls_started = 1;
  Abuse abuse = Abuse::kNone;
  for (int i = 0; abuse == Abuse::kNone && i < 1000; ++i) {
    use_.bytes += 100000;
    abuse = Step();
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
}

class PenaltiesTest : public ::testing::Test {
 protected:
  TimePoint now_ = TimePoint() + seconds(1000);
  Penalties penalties_;
};

TEST_F(PenaltiesTest, NobodyWaitsWithoutAStrike) {
  for (int64_t id = 0; id < 1000; ++id) {
    EXPECT_EQ(penalties_.Arrive("a", id, now_), Penalties::Entry::kNow);
  }
  EXPECT_EQ(penalties_.Next(now_), std::nullopt);
}

TEST_F(PenaltiesTest, AStruckAddressIsLetInOneByOneAndOthersAtOnce) {
  penalties_.Strike("a", now_);
  EXPECT_TRUE(penalties_.IsStruck("a", now_));
  EXPECT_FALSE(penalties_.IsStruck("b", now_));
  EXPECT_EQ(penalties_.Arrive("a", 1, now_), Penalties::Entry::kLater);
  EXPECT_EQ(penalties_.Arrive("a", 2, now_), Penalties::Entry::kLater);
  EXPECT_EQ(penalties_.Arrive("b", 3, now_), Penalties::Entry::kNow);
  EXPECT_EQ(penalties_.Next(now_), std::nullopt);
  now_ += seconds(1);
  EXPECT_EQ(penalties_.Next(now_), 1);
  EXPECT_EQ(penalties_.Next(now_), std::nullopt);
  penalties_.GiveTurnBack("a", now_);  // It had gone.
  EXPECT_EQ(penalties_.Next(now_), 2);
  EXPECT_EQ(penalties_.waiting(), 0);
}

TEST_F(PenaltiesTest, ManyStrikesMakeLongerPausesUpToASecond) {
  for (int i = 0; i < 100; ++i) penalties_.Strike("a", now_);
  penalties_.Arrive("a", 1, now_);
  penalties_.Arrive("a", 2, now_);
  EXPECT_EQ(penalties_.Next(now_ + milliseconds(900)), std::nullopt);
  now_ += milliseconds(1100);
  EXPECT_EQ(penalties_.Next(now_), 1);
  EXPECT_EQ(penalties_.Next(now_ + milliseconds(900)), std::nullopt);
  EXPECT_EQ(penalties_.Next(now_ + milliseconds(1100)), 2);
}

TEST_F(PenaltiesTest, AStrikeIsForgotten) {
  penalties_.Strike("a", now_);
  now_ += seconds(11);
  EXPECT_FALSE(penalties_.IsStruck("a", now_));
  EXPECT_EQ(penalties_.Arrive("a", 1, now_), Penalties::Entry::kNow);
  EXPECT_EQ(penalties_.Arrive("a", 2, now_), Penalties::Entry::kNow);
}

TEST_F(PenaltiesTest, OnlySoManyMayWait) {
  penalties_.Strike("a", now_);
  for (size_t i = 0; i < Penalties::kMaxWaiting; ++i) {
    EXPECT_EQ(penalties_.Arrive("a", static_cast<int64_t>(i), now_),
              Penalties::Entry::kLater);
  }
  EXPECT_EQ(penalties_.Arrive("a", 99, now_), Penalties::Entry::kNever);
}

}  // namespace
}  // namespace elmo
