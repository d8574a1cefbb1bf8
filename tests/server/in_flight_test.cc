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

TEST(InFlightTest, BytesFitToTheLastAndNoFurther) {
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  EXPECT_THAT(in_flight.Reserve(1, 60), IsOk());
  EXPECT_THAT(in_flight.Reserve(2, 41),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("60"), HasSubstr("41"),
                             HasSubstr("limit is 100"))));
  EXPECT_THAT(in_flight.Reserve(2, 40), IsOk());
  EXPECT_EQ(in_flight.bytes(), 100);
}

TEST(InFlightTest, EndedCallsGiveTheirBytesBack) {
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  in_flight.CallStarted();
  ASSERT_THAT(in_flight.Reserve(1, 80), IsOk());
  in_flight.Release(1, 80);
  EXPECT_EQ(in_flight.bytes(), 0);
  EXPECT_THAT(in_flight.Reserve(1, 80), IsOk());
}

TEST(InFlightTest, OneConnectionLeavesRoomForOthers) {
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  ASSERT_THAT(in_flight.Reserve(1, 60), IsOk());
  EXPECT_THAT(in_flight.Reserve(1, 21),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("on this connection"), HasSubstr("60"),
                             HasSubstr("21"), HasSubstr("limit is 80"))));
  EXPECT_THAT(in_flight.Reserve(2, 21), IsOk());
}

TEST(InFlightTest, IsIdleWithoutCalls) {
  const InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  EXPECT_TRUE(in_flight.WaitUntilIdle(steady_clock::now()));
}

TEST(InFlightTest, WaitGivesUpAtTheDeadline) {
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  in_flight.CallStarted();
  EXPECT_FALSE(in_flight.WaitUntilIdle(steady_clock::now()));
}

TEST(InFlightTest, WaitEndsWithTheLastCall) {
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
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
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  const Duration quiet = std::chrono::milliseconds(5);
  const TimePoint start = steady_clock::now();
  in_flight.CallStarted();
  in_flight.CallEnded();
  in_flight.WaitUntilQuiet(quiet, start + std::chrono::minutes(1));
  EXPECT_GE(steady_clock::now(), start + quiet);
  EXPECT_LT(steady_clock::now(), start + std::chrono::minutes(1));
}

TEST(InFlightTest, WaitForQuietGivesUpAtTheDeadline) {
  InFlight in_flight(/*max_bytes=*/100, /*max_bytes_per_client=*/80);
  const TimePoint start = steady_clock::now();
  in_flight.CallStarted();
  in_flight.WaitUntilQuiet(std::chrono::hours(1), start);
  in_flight.CallEnded();
  in_flight.WaitUntilQuiet(std::chrono::hours(1), start);
  EXPECT_LT(steady_clock::now(), start + std::chrono::minutes(30));
}

}  // namespace
}  // namespace elmo::testing
