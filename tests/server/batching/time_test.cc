#include "server/batching/time.h"

#include <gtest/gtest.h>

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(IsOutOfTimeTest, ADeadlineThatPassedIsLate) {
  EXPECT_TRUE(IsOutOfTime(milliseconds(0), seconds(1)));
  EXPECT_TRUE(IsOutOfTime(milliseconds(-300), seconds(1)));
}

// gRPC sends 1001 ms as 1010, and 100.1 s as 101 s.
TEST(IsOutOfTimeTest, WhatWasRoundedUpIsNoTimeLeft) {
  EXPECT_TRUE(IsOutOfTime(milliseconds(9), milliseconds(1010)));
  EXPECT_TRUE(IsOutOfTime(milliseconds(900), seconds(101)));
}

TEST(IsOutOfTimeTest, WhoGivesUpEarlierIsNotLate) {
  EXPECT_FALSE(IsOutOfTime(milliseconds(30), seconds(1)));
  EXPECT_FALSE(IsOutOfTime(seconds(2), seconds(100)));
  EXPECT_FALSE(IsOutOfTime(Duration::max() / 2, Duration::max()));
}

}  // namespace
}  // namespace elmo::testing
