#include "core/engine/output_spec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_model.h"

namespace elmo::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

OutputSpec Layers(std::vector<int> layers) {
  OutputSpec spec;
  spec.selection = OutputSpec::Selection::kLayers;
  spec.layers = std::move(layers);
  return spec;
}

OutputSpec Weights(std::vector<float> weights, float gamma = 1) {
  OutputSpec spec;
  spec.mix_weights = std::move(weights);
  spec.gamma = gamma;
  return spec;
}

TEST(OutputSpecTest, ValidSpecsPass) {
  const ModelOptions options = TinyOptions();  // Layers 0 to 2.
  for (const OutputSpec& spec :
       {OutputSpec(), Layers({}), Layers({0}), Layers({2, 0, 1}),
        Weights({1, 2, 3}), Weights({-9e10f, 1, -9e10f}), Weights({}, 0)}) {
    EXPECT_THAT(ValidateOutputSpec(spec, options), IsOk());
  }
}

TEST(OutputSpecTest, LayersOutsideTheModelAreRefused) {
  const ModelOptions options = TinyOptions();
  EXPECT_THAT(ValidateOutputSpec(Layers({0, 3}), options),
              StatusIs(kInvalid, AllOf(HasSubstr("[1]"), HasSubstr("3"),
                                       HasSubstr("0 to 2"))));
  EXPECT_THAT(ValidateOutputSpec(Layers({-1}), options),
              StatusIs(kInvalid, HasSubstr("-1")));
}

TEST(OutputSpecTest, ALayerNamedTwiceIsRefused) {
  EXPECT_THAT(ValidateOutputSpec(Layers({1, 2, 1}), TinyOptions()),
              StatusIs(kInvalid, HasSubstr("[2]")));
}

TEST(OutputSpecTest, WrongNumberOfWeightsIsRefused) {
  EXPECT_THAT(ValidateOutputSpec(Weights({1, 2}), TinyOptions()),
              StatusIs(kInvalid, AllOf(HasSubstr("2"), HasSubstr("3"))));
}

TEST(OutputSpecTest, WeightsAndGammaMustBeFinite) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    EXPECT_THAT(ValidateOutputSpec(Weights({0, bad, 0}), TinyOptions()),
                StatusIs(kInvalid, HasSubstr("weights[1]")));
    EXPECT_THAT(ValidateOutputSpec(Weights({}, bad), TinyOptions()),
                StatusIs(kInvalid, HasSubstr("gamma")));
  }
}

TEST(OutputSpecTest, ShapeFollowsSelectionPoolingAndBoundaries) {
  const ModelOptions options = TinyOptions();  // 2P is 16.
  OutputSpec mix;
  EXPECT_THAT(OutputShape(mix, options, 5), ElementsAre(5, 16));
  mix.keep_boundaries = true;
  EXPECT_THAT(OutputShape(mix, options, 5), ElementsAre(7, 16));
  mix.pooling = Pooling::kMax;
  EXPECT_THAT(OutputShape(mix, options, 5), ElementsAre(16));
  EXPECT_THAT(OutputShape(Layers({}), options, 5), ElementsAre(3, 5, 16));
  EXPECT_THAT(OutputShape(Layers({2, 0}), options, 0), ElementsAre(2, 0, 16));
  EXPECT_EQ(OutputSize(Layers({}), options, 5), 240);
  EXPECT_EQ(OutputSize(Layers({}), options, 0), 0);
}

}  // namespace
}  // namespace elmo::testing
