#include "client/load/arrival_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <vector>

namespace elmo {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::SizeIs;

constexpr int64_t kCalls = 100'000;
// A sum of many independent terms is normal; 5 standard deviations are missed
// once in two million seeds, and the seed is fixed.
constexpr double kDeviations = 5;

std::vector<PlannedCall> All(const ArrivalSchedule::Options& options) {
  ArrivalSchedule schedule(options);
  std::vector<PlannedCall> calls;
  while (auto call = schedule.Next()) calls.push_back(*call);
  return calls;
}

ArrivalSchedule::Options Many() {
  ArrivalSchedule::Options options;
  options.rate = 1000;
  options.max_calls = kCalls;
  options.num_requests = 7;
  return options;
}

double Seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

TEST(ArrivalScheduleTest, GapsAreExponential) {
  const ArrivalSchedule::Options options = Many();
  const auto calls = All(options);
  ASSERT_THAT(calls, SizeIs(kCalls));
  double before = 0;
  double sum = 0;
  int64_t below_median = 0;
  int64_t above_three_means = 0;
  for (const PlannedCall& call : calls) {
    const double gap = (Seconds(call.intended) - before) * options.rate;
    before = Seconds(call.intended);
    ASSERT_GE(gap, 0);
    sum += gap;
    below_median += gap < std::log(2.0) ? 1 : 0;
    above_three_means += gap > 3 ? 1 : 0;
  }
  const auto n = static_cast<double>(kCalls);
  // Mean and standard deviation of a gap are both 1; counts are binomial.
  EXPECT_NEAR(sum / n, 1, kDeviations / std::sqrt(n));
  EXPECT_NEAR(below_median / n, 0.5, kDeviations * 0.5 / std::sqrt(n));
  const double tail = std::exp(-3.0);
  EXPECT_NEAR(above_three_means / n, tail,
              kDeviations * std::sqrt(tail * (1 - tail) / n));
}

TEST(ArrivalScheduleTest, CountsOfEqualTimesVaryAsPoissonCountsDo) {
  const auto calls = All(Many());
  constexpr int kWindows = 90;  // Of a second; 100 seconds are planned.
  std::vector<double> counts(kWindows);
  for (const PlannedCall& call : calls) {
    const auto window = static_cast<size_t>(Seconds(call.intended));
    if (window < counts.size()) ++counts[window];
  }
  double mean = 0;
  for (const double count : counts) mean += count / kWindows;
  double variance = 0;
  for (const double count : counts) {
    variance += (count - mean) * (count - mean) / (kWindows - 1);
  }
  // Variance equals mean; their ratio's deviation is sqrt(2 / (windows - 1)).
  EXPECT_NEAR(variance / mean, 1,
              kDeviations * std::sqrt(2.0 / (kWindows - 1)));
}

TEST(ArrivalScheduleTest, FollowsFromTheSeed) {
  ArrivalSchedule::Options options = Many();
  options.cancel_share = 0.5;
  const auto first = All(options);
  const auto second = All(options);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i].intended, second[i].intended);
    ASSERT_EQ(first[i].request, second[i].request);
    ASSERT_EQ(first[i].cancel_after, second[i].cancel_after);
  }
  options.seed = 2;
  EXPECT_NE(All(options).front().intended, first.front().intended);
}

TEST(ArrivalScheduleTest, CancelsTheShareAskedForAndMovesNothingElse) {
  ArrivalSchedule::Options options = Many();
  const auto calm = All(options);
  options.cancel_share = 0.3;
  options.max_cancel_delay = seconds(2);
  const auto calls = All(options);
  double cancelled = 0;
  double delays = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    ASSERT_EQ(calls[i].intended, calm[i].intended);
    ASSERT_FALSE(calm[i].cancel_after.has_value());
    if (!calls[i].cancel_after) continue;
    ++cancelled;
    delays += Seconds(*calls[i].cancel_after);
    ASSERT_GE(*calls[i].cancel_after, nanoseconds(0));
    ASSERT_LT(*calls[i].cancel_after, options.max_cancel_delay);
  }
  const auto n = static_cast<double>(kCalls);
  EXPECT_NEAR(cancelled / n, 0.3, kDeviations * std::sqrt(0.3 * 0.7 / n));
  // Uniform in [0, 2): mean 1, deviation 2 / sqrt(12).
  EXPECT_NEAR(delays / cancelled, 1,
              kDeviations * 2 / std::sqrt(12 * cancelled));
}

TEST(ArrivalScheduleTest, DeadlinesAreUniformAndRequestsAllUsed) {
  ArrivalSchedule::Options options = Many();
  options.min_deadline = seconds(1);
  options.max_deadline = seconds(3);
  double sum = 0;
  std::vector<double> used(options.num_requests);
  for (const PlannedCall& call : All(options)) {
    ASSERT_GE(call.deadline, options.min_deadline);
    ASSERT_LE(call.deadline, options.max_deadline);
    sum += Seconds(call.deadline);
    ++used.at(call.request);
  }
  const auto n = static_cast<double>(kCalls);
  EXPECT_NEAR(sum / n, 2, kDeviations * 2 / std::sqrt(12 * n));
  const double share = 1 / static_cast<double>(used.size());
  for (const double count : used) {
    EXPECT_NEAR(count / n, share,
                kDeviations * std::sqrt(share * (1 - share) / n));
  }
}

TEST(ArrivalScheduleTest, EndsBeforeItsDuration) {
  ArrivalSchedule::Options options;
  options.rate = 100;
  options.duration = seconds(10);
  const auto calls = All(options);
  EXPECT_NEAR(calls.size(), 1000, kDeviations * std::sqrt(1000.0));
  EXPECT_LT(calls.back().intended, *options.duration);
}

TEST(ArrivalScheduleTest, RateZeroPlansEverythingAtOnce) {
  ArrivalSchedule::Options options;
  options.rate = 0;
  options.max_calls = 3;
  const auto calls = All(options);
  ASSERT_THAT(calls, SizeIs(3));
  EXPECT_EQ(calls.back().intended, nanoseconds(0));
  EXPECT_EQ(calls.back().number, 2);
}

}  // namespace
}  // namespace elmo
