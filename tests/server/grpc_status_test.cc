#include "server/grpc_status.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;

std::vector<milliseconds> Pushbacks(std::chrono::nanoseconds retry_after) {
  std::vector<milliseconds> waits(2000);
  for (milliseconds& wait : waits) wait = RetryPushback(retry_after);
  return waits;
}

void ExpectWithin(const std::vector<milliseconds>& waits, milliseconds least,
                  milliseconds most) {
  const auto [first, last] = std::minmax_element(waits.begin(), waits.end());
  EXPECT_GE(*first, least);
  EXPECT_LE(*last, most);
}

TEST(RetryPushbackTest, IsTheBacklogsTimeToHalfAsMuchAgain) {
  ExpectWithin(Pushbacks(milliseconds(1000)), milliseconds(1000),
               milliseconds(1500));
}

TEST(RetryPushbackTest, HasALeastAndAMost) {
  ExpectWithin(Pushbacks(milliseconds(0)), milliseconds(50), milliseconds(75));
  ExpectWithin(Pushbacks(std::chrono::hours(1)), milliseconds(10000),
               milliseconds(15000));
}

// Each tenth gets 200 of 2000 draws, with a standard deviation of 13: what
// follows allows seven of these.
TEST(RetryPushbackTest, SpreadsThoseWhoAreRefusedTogetherEvenly) {
  std::vector<int> tenths(10);
  for (const milliseconds wait : Pushbacks(milliseconds(1000))) {
    ++tenths[std::min<int64_t>((wait.count() - 1000) / 50, 9)];
  }
  for (const int count : tenths) {
    EXPECT_GT(count, 100);
    EXPECT_LT(count, 300);
  }
}

TEST(RetryPushbackTest, ThreadsDrawNumbersOfTheirOwn) {
  std::vector<std::vector<milliseconds>> waits(2);
  std::thread other([&] { waits[1] = Pushbacks(milliseconds(1000)); });
  waits[0] = Pushbacks(milliseconds(1000));
  other.join();
  EXPECT_NE(waits[0], waits[1]);
}

}  // namespace
}  // namespace elmo::testing
