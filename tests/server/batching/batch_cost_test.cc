#include "server/batching/batch_cost.h"

#include <gtest/gtest.h>

namespace elmo::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// 100 us a step and 10 us a token.
BatchCost::Sample Sample(int64_t steps, int64_t tokens) {
  return {steps, tokens, microseconds(100 * steps + 10 * tokens)};
}

BatchCost Known() { return BatchCost(Sample(10, 10), Sample(10, 160)); }

// Predictions are computed in doubles.
void ExpectNear(Duration got, Duration want) {
  EXPECT_NEAR(std::chrono::duration<double>(got).count(),
              std::chrono::duration<double>(want).count(), 1e-7);
}

TEST(BatchCostTest, PredictsZeroWhileNothingIsKnown) {
  EXPECT_EQ(BatchCost().Predict(10, 100), Duration::zero());
  EXPECT_EQ(BatchCost().PerToken(8), Duration::zero());
}

TEST(BatchCostTest, TwoBatchesTellStepsFromTokens) {
  ExpectNear(Known().Predict(5, 50), microseconds(1000));
  ExpectNear(Known().Predict(100, 100), microseconds(11000));
}

TEST(BatchCostTest, RowsShareTheCostOfAStep) {
  ExpectNear(Known().PerToken(1), microseconds(110));
  ExpectNear(Known().PerToken(10), microseconds(20));
}

TEST(BatchCostTest, NoiseNeverMakesAPartNegative) {
  // More rows took less time than one.
  const BatchCost cost({10, 10, milliseconds(9)}, {10, 160, milliseconds(8)});
  EXPECT_GE(cost.Predict(10, 0), Duration::zero());
  ExpectNear(cost.Predict(0, 160), milliseconds(8));
}

TEST(BatchCostTest, EqualBatchesGiveTheCostOfAToken) {
  const BatchCost cost(Sample(10, 10), Sample(10, 10));
  ExpectNear(cost.Predict(10, 10), Sample(10, 10).time);
}

TEST(BatchCostTest, TheFirstObservationOfNothingKnownSetsThePace) {
  BatchCost cost;
  cost.Observe({10, 100, milliseconds(1)});
  ExpectNear(cost.Predict(10, 50), microseconds(500));
}

TEST(BatchCostTest, FollowsAMachineThatIsSlowerNow) {
  BatchCost cost = Known();
  for (int i = 0; i < 60; ++i) {
    BatchCost::Sample slow = Sample(10, 100);
    slow.time = slow.time * 3 / 2;
    cost.Observe(slow);
  }
  const double want =
      1.5 * std::chrono::duration<double>(Sample(7, 70).time).count();
  EXPECT_NEAR(std::chrono::duration<double>(cost.Predict(7, 70)).count(), want,
              0.02 * want);
}

TEST(BatchCostTest, OneBatchThatSleptCountsAsTwiceItsTime) {
  BatchCost cost = Known();
  cost.Observe({10, 100, std::chrono::hours(1)});
  EXPECT_LE(cost.Predict(10, 100),
            Sample(10, 100).time * 11 / 10 + microseconds(1));
}

TEST(BatchCostTest, DoubtMakesTheNextPredictionSmaller) {
  BatchCost cost = Known();
  const Duration before = cost.Predict(10, 100);
  cost.Doubt();
  EXPECT_LT(cost.Predict(10, 100), before);
  EXPECT_GT(cost.Predict(10, 100), before * 9 / 10);
}

TEST(BatchCostTest, HelpedBatchSaysOnlyThatAloneItTakesAtLeastAsLong) {
  BatchCost cost = Known();
  const Duration alone = cost.Predict(10, 10);
  cost.ObserveHelped({10, 10, alone / 2});
  EXPECT_EQ(cost.Predict(10, 10), alone);
  cost.ObserveHelped({10, 10, 2 * alone});
  EXPECT_GT(cost.Predict(10, 10), alone);
}

}  // namespace
}  // namespace elmo::testing
