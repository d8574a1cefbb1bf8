#include "tests/testing/matrix_near.h"

#include <gtest/gtest.h>

#include <cmath>

namespace elmo::testing {
namespace {

using ::testing::Not;

TEST(MatrixNearTest, NamesTheWorstElement) {
  const std::vector<float> got = {1, 2, 3.5f, 4};
  EXPECT_EQ(
      DescribeWorst(absl::MakeConstSpan(got), {{1, 2, 3, 4.1}, 2}, {1e-3, 0}),
      "worst at (1, 0): got 3.5, want 3, |diff| 0.5 > 0.001");
  EXPECT_THAT(got,
              MatrixNear(WantedMatrix{{1, 2, 3, 4.1}, 2}, Tolerance{0.5, 0}));
  EXPECT_THAT(got,
              Not(MatrixNear(WantedMatrix{{1, 2, 3}, 3}, Tolerance{9, 9})));
}

TEST(MatrixNearTest, NothingIsNearNan) {
  const std::vector<float> nan = {NAN};
  const std::vector<float> one = {1};
  EXPECT_THAT(nan, Not(MatrixNear(WantedMatrix{{1}, 1}, Tolerance{9, 9})));
  EXPECT_THAT(one, Not(MatrixNear(WantedMatrix{{NAN}, 1}, Tolerance{9, 9})));
}

TEST(MatrixNearTest, SameBitsTellsZerosApart) {
  EXPECT_THAT(std::vector<float>({0.0f}),
              Not(SameBits(std::vector<float>({-0.0f}))));
  EXPECT_THAT(std::vector<float>({NAN}), SameBits(std::vector<float>({NAN})));
}

}  // namespace
}  // namespace elmo::testing
