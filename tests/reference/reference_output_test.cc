// The goldens end at the layers, so what comes after them is checked against
// numbers worked out by hand.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/reference/reference_elmo.h"

namespace elmo::testing {
namespace {

constexpr Tolerance kExact = {1e-9, 0};

// One word between its boundaries, two layers of width 2.
ReferenceResult OneWord() {
  ReferenceResult result;
  result.layers = {{{9, 9}, {1, 3}, {5, 5}}, {{0, 8}, {-4, 4}, {2, 2}}};
  return result;
}

ReferenceResult TwoWords() {
  ReferenceResult result;
  result.layers = {{{9, 9}, {1, 3}, {3, -3}, {5, 5}}};
  return result;
}

TEST(ReferenceOutputTest, DefaultIsThePlainAverageWithoutBoundaries) {
  EXPECT_THAT(ReferenceOutput(OneWord(), {}).values,
              MatrixNear(WantedMatrix{{-1.5, 3.5}, 2}, kExact));
}

TEST(ReferenceOutputTest, MixTakesTheSoftmaxOfItsWeights) {
  OutputSpec spec;
  spec.mix_weights = {std::log(3.0f), 0};  // 3/4 and 1/4.
  spec.gamma = 2;
  EXPECT_THAT(ReferenceOutput(OneWord(), spec).values,
              MatrixNear(WantedMatrix{{-0.5, 6.5}, 2}, Tolerance{1e-6, 0}));
}

TEST(ReferenceOutputTest, LayerNormCountsTheWordsAndScalesTheBoundaries) {
  // Layer 0: mean 2, deviation 1; layer 1: mean 0, deviation 4.
  OutputSpec spec;
  spec.layer_norm = true;
  spec.keep_boundaries = true;
  EXPECT_THAT(
      ReferenceOutput(OneWord(), spec).values,
      MatrixNear(WantedMatrix{{3.5, 4.5, -1, 1, 1.75, 1.75}, 2}, kExact));
}

TEST(ReferenceOutputTest, LayerNormOfNoWordsCountsTheBoundaries) {
  ReferenceResult result;
  result.layers = {{{1, 3}, {3, 1}}};
  OutputSpec spec;
  spec.layer_norm = true;
  EXPECT_TRUE(ReferenceOutput(result, spec).values.empty());
  spec.keep_boundaries = true;
  EXPECT_THAT(ReferenceOutput(result, spec).values,
              MatrixNear(WantedMatrix{{-1, 1, 1, -1}, 2}, kExact));
}

TEST(ReferenceOutputTest, LayersComeInTheOrderAsked) {
  OutputSpec spec;
  spec.selection = OutputSpec::Selection::kLayers;
  EXPECT_EQ(ReferenceOutput(OneWord(), spec).values,
            (std::vector<double>{1, 3, -4, 4}));
  spec.layers = {1, 0};
  EXPECT_EQ(ReferenceOutput(OneWord(), spec).values,
            (std::vector<double>{-4, 4, 1, 3}));
}

TEST(ReferenceOutputTest, PoolsOverTheRowsThatWouldBeReturned) {
  OutputSpec spec;
  spec.pooling = Pooling::kMean;
  EXPECT_EQ(ReferenceOutput(TwoWords(), spec).values,
            (std::vector<double>{2, 0}));
  spec.pooling = Pooling::kMax;
  EXPECT_EQ(ReferenceOutput(TwoWords(), spec).values,
            (std::vector<double>{3, 3}));
  spec.keep_boundaries = true;
  EXPECT_EQ(ReferenceOutput(TwoWords(), spec).values,
            (std::vector<double>{9, 9}));
}

TEST(ReferenceOutputTest, NoWordsPoolToZerosAndStayZerosNormalised) {
  ReferenceResult result;
  result.layers = {{{1, 3}, {3, 1}}};
  OutputSpec spec;
  spec.pooling = Pooling::kMean;
  spec.normalize = true;
  EXPECT_EQ(ReferenceOutput(result, spec).values, (std::vector<double>{0, 0}));
}

TEST(ReferenceOutputTest, NormalisesLastOfAll) {
  OutputSpec spec;
  spec.selection = OutputSpec::Selection::kLayers;
  spec.pooling = Pooling::kMean;
  spec.keep_boundaries = true;
  spec.normalize = true;
  ReferenceResult result;
  result.layers = {{{3, 0}, {0, 8}, {6, 4}}};
  EXPECT_THAT(ReferenceOutput(result, spec).values,
              MatrixNear(WantedMatrix{{0.6, 0.8}, 2}, kExact));
}

}  // namespace
}  // namespace elmo::testing
