#include "tests/testing/tiny_model.h"

#include <gtest/gtest.h>

namespace elmo::testing {
namespace {

// Everyone's expectations are built on these numbers; they must be the same
// with every compiler and standard library. The first number of mt19937_64 for
// seed 1 is 2469588189546311528, 0.1338766 of its range.
TEST(TinyModelTest, RandomNumbersAreTheSameEverywhere) {
  TestRandom random(1);
  const float first = random.Uniform(1);
  EXPECT_FLOAT_EQ(first, 2 * 0.13387664f - 1);
  const auto model = RandomModel(TinyOptions(), 1);
  EXPECT_EQ(first, model->weights().char_cnn.embedding(0, 0));
}

TEST(TinyModelTest, HasTheParametersOfThePublishedModel) {
  int64_t count = 0;
  const TinyModel model(ReleasedOptions(),
                        [&](const std::string&, int64_t rows, int64_t cols,
                            float*) { count += rows * cols; });
  EXPECT_EQ(count, 93'600'848);
}

TEST(TinyModelTest, LeavesProjectionsOutWhereTheyWouldNotNarrow) {
  ModelOptions options = TinyOptions();
  options.lstm.projection_dim = options.lstm.dim = 20;
  const auto model = RandomModel(options, 1);
  EXPECT_TRUE(model->weights().char_cnn.projection.empty());
  EXPECT_TRUE(model->weights().forward[0].projection.empty());
}

}  // namespace
}  // namespace elmo::testing
