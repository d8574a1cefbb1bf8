#include "core/model/weight_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/core/model/random_model.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::AllLayouts;
using elmo::testing::IsOk;
using elmo::testing::NamedOptions;
using elmo::testing::RandomModel;
using elmo::testing::SmallOptions;
using elmo::testing::StatusIs;
using ::testing::HasSubstr;

const WeightTensor* Find(const WeightLayout& layout, const std::string& name) {
  for (const WeightTensor& tensor : layout.tensors()) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

TEST(WeightLayoutTest, CountsParametersLikeTheFormula) {
  for (const NamedOptions& layout : AllLayouts()) {
    EXPECT_EQ(WeightLayout(layout.options).num_parameters(),
              NumParameters(layout.options))
        << layout.name;
  }
}

TEST(WeightLayoutTest, TensorsAreAlignedAndApart) {
  for (const NamedOptions& named : AllLayouts()) {
    const WeightLayout layout(named.options);
    size_t end = 0;
    std::set<std::string> names;
    for (const WeightTensor& tensor : layout.tensors()) {
      EXPECT_EQ(tensor.offset * sizeof(float) % 64, 0u) << tensor.name;
      EXPECT_GE(tensor.offset, end) << tensor.name;
      EXPECT_TRUE(names.insert(tensor.name).second) << tensor.name;
      EXPECT_TRUE(names.insert(tensor.published).second) << tensor.name;
      end = tensor.offset + tensor.size();
    }
    EXPECT_GE(layout.buffer_size(), end);
  }
}

TEST(WeightLayoutTest, KnowsThePublishedNames) {
  const WeightLayout layout(SmallOptions());
  EXPECT_EQ(Find(layout, "char_cnn.embedding")->published, "char_embed");
  EXPECT_EQ(Find(layout, "char_cnn.convolution.1.weight")->published,
            "CNN/W_cnn_1");
  EXPECT_EQ(Find(layout, "highway.0.carry.weight")->published,
            "CNN_high_0/W_carry");
  EXPECT_EQ(Find(layout, "projection.bias")->published, "CNN_proj/b_proj");
  EXPECT_EQ(Find(layout, "lstm.backward.1.projection")->published,
            "RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_P_0");
}

TEST(WeightLayoutTest, ViewsHaveTheShapesOfTheWeightsHeader) {
  const ModelOptions options = SmallOptions();  // d 3, F 7, P 4, H 6.
  const RandomModel model(options);
  const ModelWeights weights = model.weights();
  const auto expect_shape = [](ConstMatrix matrix, int64_t rows, int64_t cols) {
    EXPECT_EQ(matrix.rows(), rows);
    EXPECT_EQ(matrix.cols(), cols);
  };
  expect_shape(weights.char_cnn.embedding, 261, 3);
  ASSERT_EQ(weights.char_cnn.convolutions.size(), 2u);
  EXPECT_EQ(weights.char_cnn.convolutions[1].width, 3);
  expect_shape(weights.char_cnn.convolutions[1].weight, 9, 5);
  expect_shape(weights.char_cnn.convolutions[1].bias, 1, 5);
  ASSERT_EQ(weights.char_cnn.highways.size(), 1u);
  expect_shape(weights.char_cnn.highways[0].transform_weight, 7, 7);
  expect_shape(weights.char_cnn.projection, 7, 4);
  expect_shape(weights.char_cnn.projection_bias, 1, 4);
  ASSERT_EQ(weights.backward.size(), 2u);
  expect_shape(weights.backward[1].weight, 8, 24);
  expect_shape(weights.backward[1].bias, 1, 24);
  expect_shape(weights.backward[1].projection, 6, 4);
}

TEST(WeightLayoutTest, ProjectionsThatDoNotNarrowAreEmpty) {
  ModelOptions options = SmallOptions();
  options.lstm.dim = 4;
  options.char_cnn.filters = {{2, 4}};
  const RandomModel model(options);
  EXPECT_TRUE(model.weights().char_cnn.projection.empty());
  EXPECT_TRUE(model.weights().char_cnn.projection_bias.empty());
  EXPECT_TRUE(model.weights().forward[0].projection.empty());
}

TEST(WeightLayoutTest, ListRefusesWeightsOfAnotherShape) {
  const RandomModel model(SmallOptions());
  EXPECT_THAT(model.layout.List(model.weights()), IsOk());

  ModelWeights weights = model.weights();
  weights.forward.pop_back();
  EXPECT_THAT(model.layout.List(weights),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("number of filters, highways or layers")));
  weights = model.weights();
  weights.backward[1].bias = weights.backward[1].bias.Cols(0, 23);
  EXPECT_THAT(
      model.layout.List(weights),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("lstm.backward.1.bias: is 1x23; must be 1x24")));
}

}  // namespace
}  // namespace elmo
