#include "server/in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Of which 100 and 80 are for what runs, 14 and 11 for what waits.
constexpr int64_t kMaxBytes = 114;
constexpr int64_t kMaxBytesPerClient = 91;

TEST(InFlightTest, BytesFitToTheLastAndNoFurther) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  EXPECT_THAT(in_flight.Reserve(1, 60), IsOk());
  EXPECT_THAT(in_flight.Reserve(2, 41),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("60"), HasSubstr("41"),
                             HasSubstr("limit is 100"))));
  EXPECT_THAT(in_flight.Reserve(2, 40), IsOk());
  EXPECT_EQ(in_flight.bytes(), 100);
}

TEST(InFlightTest, EndedCallsGiveTheirBytesBack) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  in_flight.CallStarted();
  ASSERT_THAT(in_flight.Reserve(1, 80), IsOk());
  in_flight.Release(1, 80);
  EXPECT_EQ(in_flight.bytes(), 0);
  EXPECT_THAT(in_flight.Reserve(1, 80), IsOk());
}

TEST(InFlightTest, OneConnectionLeavesRoomForOthers) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  ASSERT_THAT(in_flight.Reserve(1, 60), IsOk());
  EXPECT_THAT(in_flight.Reserve(1, 21),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("on this connection"), HasSubstr("60"),
                             HasSubstr("21"), HasSubstr("limit is 80"))));
  EXPECT_THAT(in_flight.Reserve(2, 21), IsOk());
}

TEST(InFlightTest, WhatWaitsIsCountedButKeepsNothingOut) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  ASSERT_THAT(in_flight.ReserveWaiting(1, 11), IsOk());
  EXPECT_THAT(in_flight.Reserve(1, 80), IsOk());
  EXPECT_THAT(in_flight.Reserve(2, 20), IsOk());
  EXPECT_EQ(in_flight.bytes(), 111);
  in_flight.ReleaseWaiting(1, 11);
  EXPECT_EQ(in_flight.bytes(), 100);
}

TEST(InFlightTest, WhatWaitsHasItsLimitsAlsoWhereNothingRuns) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  ASSERT_THAT(in_flight.ReserveWaiting(1, 10), IsOk());
  EXPECT_THAT(in_flight.ReserveWaiting(1, 2),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("that wait on this connection"),
                             HasSubstr("10"), HasSubstr("limit is 11"))));
  EXPECT_THAT(in_flight.ReserveWaiting(2, 5),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("that wait take"), HasSubstr("10"),
                             HasSubstr("limit is 14"))));
  EXPECT_THAT(in_flight.ReserveWaiting(2, 4), IsOk());
  in_flight.ReleaseWaiting(1, 10);
  EXPECT_THAT(in_flight.ReserveWaiting(2, 7), IsOk());
}

TEST(InFlightTest, BothAccountsTogetherStayWithinTheLimits) {
  for (int64_t max_bytes = 0; max_bytes < 50; ++max_bytes) {
    InFlight in_flight(max_bytes, max_bytes);
    while (in_flight.Reserve(1, 1).ok()) continue;
    while (in_flight.ReserveWaiting(1, 1).ok()) continue;
    EXPECT_EQ(in_flight.bytes(), max_bytes);
  }
}

TEST(InFlightTest, IsIdleWithoutCalls) {
  const InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  EXPECT_TRUE(in_flight.WaitUntilIdle(steady_clock::now()));
}

TEST(InFlightTest, WaitGivesUpAtTheDeadline) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  in_flight.CallStarted();
  EXPECT_FALSE(in_flight.WaitUntilIdle(steady_clock::now()));
}

TEST(InFlightTest, WaitEndsWithTheLastCall) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  in_flight.CallStarted();
  in_flight.CallStarted();
  std::thread calls([&] {
    in_flight.CallEnded();
    in_flight.CallEnded();
  });
  EXPECT_TRUE(
      in_flight.WaitUntilIdle(steady_clock::now() + std::chrono::minutes(1)));
  calls.join();
}

TEST(InFlightTest, QuietMeansNoCallForSomeTime) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  const Duration quiet = std::chrono::milliseconds(5);
  const TimePoint start = steady_clock::now();
  in_flight.CallStarted();
  in_flight.CallEnded();
  in_flight.WaitUntilQuiet(quiet, start + std::chrono::minutes(1));
  EXPECT_GE(steady_clock::now(), start + quiet);
  EXPECT_LT(steady_clock::now(), start + std::chrono::minutes(1));
}

TEST(InFlightTest, WaitForQuietGivesUpAtTheDeadline) {
  InFlight in_flight(kMaxBytes, kMaxBytesPerClient);
  const TimePoint start = steady_clock::now();
  in_flight.CallStarted();
  in_flight.WaitUntilQuiet(std::chrono::hours(1), start);
  in_flight.CallEnded();
  in_flight.WaitUntilQuiet(std::chrono::hours(1), start);
  EXPECT_LT(steady_clock::now(), start + std::chrono::minutes(30));
}

}  // namespace
}  // namespace elmo::testing
