#include "core/layers/output_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/testing/matrix_near.h"

namespace elmo::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

ConstMatrix View(const std::vector<float>& values, int64_t cols) {
  return ConstMatrix(values.data(), static_cast<int64_t>(values.size()) / cols,
                     cols);
}

TEST(OutputOpsTest, NoWeightsAreEqualWeights) {
  EXPECT_THAT(MixCoefficients({}, 4, 2), ElementsAre(0.5f, 0.5f, 0.5f, 0.5f));
}

TEST(OutputOpsTest, CoefficientsAreGammaTimesTheSoftmax) {
  const std::vector<float> weights = {std::log(3.0f), 0};
  EXPECT_THAT(MixCoefficients(weights, 2, -4),
              MatrixNear(WantedMatrix{{-3, -1}, 2}, Tolerance{1e-6, 0}));
}

// AllenNLP's way to select a layer, and weights whose exponentials overflow.
TEST(OutputOpsTest, ExtremeWeightsSelectOneLayer) {
  const std::vector<float> select = {-9e10f, 1, -9e10f};
  EXPECT_THAT(MixCoefficients(select, 3, 1), ElementsAre(0, 1, 0));
  const std::vector<float> huge = {3e38f, -3e38f, 1e30f};
  EXPECT_THAT(MixCoefficients(huge, 3, 1), ElementsAre(1, 0, 0));
}

TEST(OutputOpsTest, LayerNormalisationTakesAllElementsTogether) {
  const std::vector<float> layer = {1, 3, 5, 7};  // Mean 4, variance 5.
  const Normalisation result = LayerNormalisation(View(layer, 2));
  EXPECT_FLOAT_EQ(result.mean, 4);
  EXPECT_FLOAT_EQ(result.scale, 1 / std::sqrt(5.0f));
}

// The variance of large, nearly equal values must not be lost to rounding.
TEST(OutputOpsTest, LayerNormalisationSurvivesALargeMean) {
  const std::vector<float> layer = {4095, 4097, 4095, 4097};
  const Normalisation result = LayerNormalisation(View(layer, 2));
  EXPECT_FLOAT_EQ(result.mean, 4096);
  EXPECT_FLOAT_EQ(result.scale, 1);
}

TEST(OutputOpsTest, LayerNormalisationOfEqualValuesIsFinite) {
  const std::vector<float> layer = {0.1f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f};
  std::vector<float> sum(6);
  AddWeighted(View(layer, 2), 1, LayerNormalisation(View(layer, 2)),
              Matrix(sum.data(), 3, 2));
  EXPECT_THAT(sum, Each(0.0f));
}

TEST(OutputOpsTest, AddWeightedAddsToWhatIsThere) {
  const std::vector<float> layer = {1, 2, 3, 4};
  std::vector<float> sum = {10, 10, 10, 10};
  AddWeighted(View(layer, 2), 2, {/*mean=*/1, /*scale=*/0.5f},
              Matrix(sum.data(), 2, 2));
  EXPECT_THAT(sum, ElementsAre(10, 11, 12, 13));
}

TEST(OutputOpsTest, MeanAndMaximumGoOverRows) {
  const std::vector<float> x = {1, -5, 3, -7, 8, -6};
  std::vector<float> out(2);
  MeanOfRows(View(x, 2), out.data());
  EXPECT_THAT(out, ElementsAre(4, -6));
  MaxOfRows(View(x, 2), out.data());
  EXPECT_THAT(out, ElementsAre(8, -5));
}

TEST(OutputOpsTest, MeanAndMaximumOfNoRowsAreZeros) {
  std::vector<float> out = {1, 2};
  MeanOfRows(ConstMatrix(nullptr, 0, 2), out.data());
  EXPECT_THAT(out, Each(0.0f));
  out = {1, 2};
  MaxOfRows(ConstMatrix(nullptr, 0, 2), out.data());
  EXPECT_THAT(out, Each(0.0f));
}

TEST(OutputOpsTest, RowsGetUnitLengthAndZeroRowsStay) {
  std::vector<float> x = {3, 4, 0, 0, -0.5f, 0};
  NormaliseRows(Matrix(x.data(), 3, 2));
  EXPECT_THAT(x, ElementsAre(0.6f, 0.8f, 0, 0, -1, 0));
}

// Squares that overflow or underflow a float.
TEST(OutputOpsTest, TinyAndHugeRowsGetUnitLengthToo) {
  std::vector<float> x = {3e-25f, 4e-25f, 3e25f, 4e25f};
  NormaliseRows(Matrix(x.data(), 2, 2));
  EXPECT_THAT(
      x, MatrixNear(WantedMatrix{{0.6, 0.8, 0.6, 0.8}, 2}, Tolerance{1e-6, 0}));
}

}  // namespace
}  // namespace elmo::testing
