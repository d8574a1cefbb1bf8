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
    return account_.Update(use_, now_, struck_);
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

  TimePoint now_ = TimePoint() + seconds(1000);
  bool struck_ = false;
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
  struck_ = true;
  EXPECT_EQ(Reset(20), Abuse::kNone);
  EXPECT_EQ(Reset(20), Abuse::kResets);
}

TEST_F(ConnectionAccountTest, ACallerWhoWasServedHasItsCreditWhoeverIsStruck) {
  EXPECT_EQ(Answer(1, 200), Abuse::kNone);
  struck_ = true;
  EXPECT_EQ(Reset(150), Abuse::kNone);
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
  use_.calls_started = 4000;  // Four times what a connection may have open.
  EXPECT_EQ(Step(), Abuse::kNone);
  use_.calls_started = 4001;
  EXPECT_EQ(Step(), Abuse::kResets);
}

TEST_F(ConnectionAccountTest, AnsweredCallsThatAreNotLetGoOfAreUse) {
  use_.calls_started = 3000;  // A thousand open, and as many answered, twice.
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(Answer(1000, 200000), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, CallsThatBeginFasterThanTheyAreHeardOfAreACrowd) {
  EXPECT_EQ(Answer(1, 200), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
  use_.calls_started += 200;
  use_.calls_heard = 90;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
  use_.calls_heard = 130;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
  use_.calls_heard = 160;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
}

TEST_F(ConnectionAccountTest, BeforeTheFirstAnswerAllOpenCallsAreACrowd) {
  use_.calls_started = use_.calls_heard = 100;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
  use_.calls_started = use_.calls_heard = 150;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
  use_.calls_answered = 1;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
}

TEST_F(ConnectionAccountTest, ACrowdIsHeldForSoLongAndMayThenGrow) {
  use_.calls_started = 150;  // Whose requests are not complete yet.
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
  EXPECT_EQ(Step(milliseconds(300)), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
  ++use_.calls_heard;  // They are worked off: there is no need to let more in.
  EXPECT_EQ(Step(milliseconds(300)), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
  EXPECT_EQ(Step(milliseconds(500)), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
  use_.calls_started = 200;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
  use_.calls_started = 300;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_TRUE(account_.crowded());
}

TEST_F(ConnectionAccountTest, WhoWasServedMayBeginMoreAtOnce) {
  EXPECT_EQ(Answer(100, 20000), Abuse::kNone);
  use_.calls_started += 400;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_FALSE(account_.crowded());
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

TEST_F(ConnectionAccountTest, BytesWithoutAnyCallAreAbuseHoweverSlow) {
  Abuse abuse = Abuse::kNone;
  int seconds_passed = 0;
  for (; abuse == Abuse::kNone && seconds_passed < 100; ++seconds_passed) {
    use_.bytes += 50000;
    abuse = Step(seconds(1));
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
  EXPECT_LE(seconds_passed, 5);
}

TEST_F(ConnectionAccountTest, HeadersThatNeverEndAreAbuse) {
  use_.calls_started = 1;
  use_.unread = 16000;
  Abuse abuse = Abuse::kNone;
  const TimePoint start = now_;
  while (abuse == Abuse::kNone && use_.bytes < (100 << 20)) {
    use_.bytes += 4000;
    abuse = Step();
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
  EXPECT_LE(use_.bytes, 700000);
  EXPECT_LE(now_ - start, milliseconds(600));
}

TEST_F(ConnectionAccountTest, HeadersLargerThanAnyRequestAreAbuseHoweverSlow) {
  use_.calls_started = 1;
  Abuse abuse = Abuse::kNone;
  while (abuse == Abuse::kNone && use_.bytes < (100 << 20)) {
    use_.bytes += 100000;
    abuse = Step(seconds(1));
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
  EXPECT_LE(use_.bytes, 5 << 20);
}

// Of a call with a single request nothing is heard until it is complete.
TEST_F(ConnectionAccountTest, UploadsThatAreReadAsTheyComeAreUse) {
  for (const bool struck : {false, true}) {
    struck_ = struck;
    ++use_.calls_started;
    for (int i = 0; i < 100; ++i) {
      use_.bytes += 40000;
      use_.unread = i % 3 == 0 ? 0 : 1000;
      ASSERT_EQ(Step(), Abuse::kNone);
    }
    ++use_.messages;
    ++use_.calls_reset;
    ASSERT_EQ(Step(), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, AStruckMachinesHeadersEndSooner) {
  struck_ = true;
  use_.calls_started = 1;
  use_.unread = 16000;
  Abuse abuse = Abuse::kNone;
  const TimePoint start = now_;
  while (abuse == Abuse::kNone && use_.bytes < (100 << 20)) {
    use_.bytes += 30000;
    abuse = Step();
  }
  EXPECT_EQ(abuse, Abuse::kFrames);
  EXPECT_LE(now_ - start, milliseconds(60));
}

TEST_F(ConnectionAccountTest, UploadsOfCallsThatAreHeardOfLateAreUse) {
  for (int i = 0; i < 100; ++i) {
    ++use_.calls_started;
    use_.bytes += 1 << 20;  // In a window that has grown.
    ASSERT_EQ(Step(milliseconds(100)), Abuse::kNone);
    use_.calls_heard = 1;
    for (int part = 0; part < 30; ++part) {
      use_.bytes += 100000;
      ASSERT_EQ(Step(milliseconds(20)), Abuse::kNone);
    }
    ++use_.messages;
    ++use_.calls_answered;
    use_.calls_heard = 0;
    ASSERT_EQ(Step(), Abuse::kNone);
  }
}

TEST_F(ConnectionAccountTest, CallsThatWaitToBeHeardOfAreUseWhileOthersGoOn) {
  use_.calls_started = 100;  // Of which at no time all have been heard of.
  for (int i = 0; i < 1000; ++i) {
    use_.calls_heard = 40 + i % 2;
    ASSERT_EQ(Answer(20, 100000), Abuse::kNone);
  }
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
  use_.calls_heard = 1;
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
  use_.calls_heard = 1;
  use_.bytes += 3 << 20;
  EXPECT_EQ(Step(), Abuse::kNone);
  ++use_.calls_reset;
  EXPECT_EQ(Step(), Abuse::kNone);
  EXPECT_EQ(Step(), Abuse::kNone);
}

TEST_F(ConnectionAccountTest, AnOpenCallDoesNotExcuseFramesWithoutEnd) {
  use_.calls_started = use_.calls_heard = 1;
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

TEST_F(PenaltiesTest, FurtherStrikesDoNotPutOffWhoWaits) {
  for (int i = 0; i < 100; ++i) penalties_.Strike("a", now_);
  penalties_.Arrive("a", 1, now_);
  for (int i = 0; i < 10; ++i) {
    now_ += milliseconds(101);
    penalties_.Strike("a", now_);
  }
  EXPECT_EQ(penalties_.Next(now_), 1);
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
