#include "tests/reference/reference_elmo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "tests/testing/golden.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_model.h"

namespace elmo::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

std::vector<int> PaddedTo50(std::vector<int> ids) {
  ids.resize(50, 261);
  return ids;
}

// The vectors of AllenNLP's and bilm-tf's own tests.
TEST(ReferenceElmoTest, EncodesWordsAsTheOriginalDoes) {
  EXPECT_EQ(EncodeWord("<S>", 50), PaddedTo50({259, 257, 260}));
  EXPECT_EQ(EncodeWord("</S>", 50), PaddedTo50({259, 258, 260}));
  EXPECT_EQ(EncodeWord("\u0100t", 50), PaddedTo50({259, 197, 129, 117, 260}));
  EXPECT_EQ(EncodeWord("Second", 50),
            PaddedTo50({259, 84, 102, 100, 112, 111, 101, 260}));
  EXPECT_EQ(EncodeWord(".", 50), PaddedTo50({259, 47, 260}));
  EXPECT_EQ(EncodeWord("", 50), PaddedTo50({259, 260}));
  EXPECT_EQ(EncodeWord("thhhhh", 5),
            (std::vector<int>{259, 117, 105, 105, 260}));
}

TEST(ReferenceElmoTest, Keeps48BytesOfALongWord) {
  std::vector<int> ids(50, 'x' + 1);
  ids.front() = 259;
  ids.back() = 260;
  EXPECT_EQ(EncodeWord(std::string(48, 'x'), 50), ids);
  EXPECT_EQ(EncodeWord(std::string(48, 'x') + "yz", 50), ids);
  EXPECT_NE(EncodeWord(std::string(47, 'x') + "yz", 50), ids);
}

class GoldenReferenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string dir = SharedData("fixtures/allennlp-elmo");
    if (dir.empty()) GTEST_SKIP() << "the shared fixtures are not here";
    absl::StatusOr<std::unique_ptr<Golden>> golden = LoadGolden(dir);
    ASSERT_THAT(golden, IsOk());
    golden_ = *std::move(golden);
    options_ = golden_->model->options();
    weights_ = golden_->model->weights();
  }

  // Runs the ten batches with carried state and returns what is wrong with the
  // first sentence that is not as expected.
  std::string CompareSentences() const {
    const ReferenceElmo elmo(options_, weights_);
    OutputSpec top;
    top.selection = OutputSpec::Selection::kLayers;
    top.layers = {options_.lstm.num_layers};
    for (int row = 0; row < Golden::kRows; ++row) {
      ReferenceState state = ZeroState(options_.lstm);
      for (int batch = 0; batch < Golden::kBatches; ++batch) {
        const ReferenceResult result =
            elmo.Run(golden_->sentences[row][batch], state);
        const WantedMatrix output = ReferenceOutput(result, top);
        const std::string worst =
            DescribeWorst(absl::MakeConstSpan(output.values),
                          golden_->top_layer[row][batch], kGoldenTolerance);
        if (!worst.empty()) {
          return "row " + std::to_string(row) + ", batch " +
                 std::to_string(batch) + ": " + worst;
        }
        state = result.final_state;
      }
    }
    return "";
  }

  std::string CompareTokens(
      const std::function<std::vector<int>(const std::string&, int)>& encode)
      const {
    const ReferenceElmo elmo(options_, weights_);
    std::vector<double> vectors;
    for (const std::string& word : golden_->vocabulary) {
      const std::vector<double> vector = elmo.TokenVector(
          encode(word, options_.char_cnn.max_characters_per_token));
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    return DescribeWorst(absl::MakeConstSpan(vectors), golden_->token_vectors,
                         kGoldenTolerance);
  }

  // Gives `cell` weights of its own, changed by `change`, which sees each row
  // of the weight and the bias: four blocks of H values.
  void ChangeGates(LstmCellWeights* cell,
                   const std::function<void(float*)>& change) {
    for (ConstMatrix* matrix : {&cell->weight, &cell->bias}) {
      std::vector<float>& copy = changed_.emplace_back(
          matrix->data(), matrix->data() + matrix->size());
      for (int64_t r = 0; r < matrix->rows(); ++r) {
        change(&copy[r * matrix->cols()]);
      }
      *matrix = ConstMatrix(copy.data(), matrix->rows(), matrix->cols());
    }
  }

  std::unique_ptr<Golden> golden_;
  ModelOptions options_;
  ModelWeights weights_;
  std::deque<std::vector<float>> changed_;
};

TEST_F(GoldenReferenceTest, AgreesWithAllThirtySentences) {
  EXPECT_THAT(CompareSentences(), IsEmpty());
}

TEST_F(GoldenReferenceTest, AgreesWithAllTokenVectors) {
  ASSERT_EQ(golden_->vocabulary.size(), 458u);
  EXPECT_THAT(CompareTokens(EncodeWord), IsEmpty());
}

TEST_F(GoldenReferenceTest, BoundariesAsPlainWordsAreCaught) {
  EXPECT_THAT(CompareTokens(EncodePlainWord), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, WrongGateOrderIsCaught) {
  const int64_t cells = options_.lstm.dim;
  ChangeGates(&weights_.forward[0], [cells](float* gates) {
    std::swap_ranges(gates + cells, gates + 2 * cells, gates + 2 * cells);
  });
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, MissingForgetBiasIsCaught) {
  const int64_t cells = options_.lstm.dim;
  LstmCellWeights& cell = weights_.backward[1];
  std::vector<float> bias(cell.bias.data(),
                          cell.bias.data() + cell.bias.size());
  for (int64_t n = 2 * cells; n < 3 * cells; ++n) bias[n] -= 1;
  cell.bias = ConstMatrix(bias.data(), 1, 4 * cells);
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, SwappedCarryAndTransformIsCaught) {
  for (HighwayWeights& highway : weights_.char_cnn.highways) {
    std::swap(highway.carry_weight, highway.transform_weight);
    std::swap(highway.carry_bias, highway.transform_bias);
  }
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, ReversedHighwayGateIsCaught) {
  // sigmoid(-x) = 1 - sigmoid(x).
  HighwayWeights& highway = weights_.char_cnn.highways[0];
  for (ConstMatrix* matrix : {&highway.carry_weight, &highway.carry_bias}) {
    std::vector<float>& copy =
        changed_.emplace_back(matrix->data(), matrix->data() + matrix->size());
    for (float& value : copy) value = -value;
    *matrix = ConstMatrix(copy.data(), matrix->rows(), matrix->cols());
  }
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, MissingSkipConnectionIsCaught) {
  options_.lstm.use_skip_connections = false;
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, TanhForReluIsCaught) {
  options_.char_cnn.activation = Activation::kTanh;
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, MissingCellClipIsCaught) {
  options_.lstm.cell_clip = 0;
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

TEST_F(GoldenReferenceTest, MissingProjectionClipIsCaught) {
  options_.lstm.proj_clip = 0;
  EXPECT_THAT(CompareSentences(), Not(IsEmpty()));
}

}  // namespace
}  // namespace elmo::testing
