// The engine against the vectors of the original program.

#include "tests/testing/golden.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/core/engine/engine_testing.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

class GoldenTest : public ::testing::TestWithParam<EngineKind> {
 protected:
  void SetUp() override {
    const std::string dir = SharedData("fixtures/allennlp-elmo");
    if (dir.empty()) GTEST_SKIP() << "the shared fixtures are not here";
    absl::StatusOr<std::unique_ptr<Golden>> golden = LoadGolden(dir);
    ASSERT_THAT(golden, IsOk());
    golden_ = *std::move(golden);
    engine_ = MakeEngine(*golden_->model, GetParam());
    workspace_ = engine_->CreateWorkspace();
    top_ = OneLayer(golden_->model->options().lstm.num_layers);
  }

  Sentence At(int row, int batch) const {
    return {golden_->sentences[row][batch], top_, std::nullopt};
  }

  std::unique_ptr<Golden> golden_;
  std::unique_ptr<ElmoEngine> engine_;
  std::unique_ptr<Engine::Workspace> workspace_;
  OutputSpec top_;
};

TEST_P(GoldenTest, BatchesOfThreeWithCarriedStateAgree) {
  std::vector<std::optional<LstmState>> states(Golden::kRows);
  for (int batch = 0; batch < Golden::kBatches; ++batch) {
    std::vector<Sentence> sentences;
    for (int row = 0; row < Golden::kRows; ++row) {
      sentences.push_back(At(row, batch));
      sentences.back().start = states[row];
    }
    const std::vector<Result> results =
        RunTogether(*engine_, workspace_.get(), sentences);
    for (int row = 0; row < Golden::kRows; ++row) {
      EXPECT_THAT(results[row].values,
                  MatrixNear(golden_->top_layer[row][batch], kGoldenTolerance))
          << "row " << row << ", batch " << batch;
      states[row] = results[row].final_state;
    }
  }
}

TEST_P(GoldenTest, SentencesOneAtATimeWithCarriedStateAgree) {
  for (int row = 0; row < Golden::kRows; ++row) {
    std::optional<LstmState> state = LstmState::Zero(engine_->options().lstm);
    for (int batch = 0; batch < Golden::kBatches; ++batch) {
      Sentence sentence = At(row, batch);
      sentence.start = state;
      const Result result = RunAlone(*engine_, workspace_.get(), sentence);
      EXPECT_THAT(result.values,
                  MatrixNear(golden_->top_layer[row][batch], kGoldenTolerance))
          << "row " << row << ", batch " << batch;
      state = result.final_state;
    }
  }
}

// The wrong way must fail, or the two tests above would prove nothing about
// the state.
TEST_P(GoldenTest, WithoutCarriedStateOnlyTheFirstBatchAgrees) {
  for (int row = 0; row < Golden::kRows; ++row) {
    for (int batch = 0; batch < Golden::kBatches; ++batch) {
      const Result result =
          RunAlone(*engine_, workspace_.get(), At(row, batch));
      const std::string worst =
          DescribeWorst(absl::MakeConstSpan(result.values),
                        golden_->top_layer[row][batch], kGoldenTolerance);
      EXPECT_EQ(worst.empty(), batch == 0) << worst;
    }
  }
}

// A vocabulary word alone, and all words in one long sentence: layer 0 holds
// the token vector twice.
TEST_P(GoldenTest, AllTokenVectorsAgree) {
  const Sentence all{golden_->vocabulary, OneLayer(0), std::nullopt};
  const Result result = RunAlone(*engine_, workspace_.get(), all);
  const int64_t width = golden_->token_vectors.cols;
  const int64_t count = static_cast<int64_t>(golden_->vocabulary.size());
  ASSERT_EQ(count, 458);
  WantedMatrix twice{{}, 2 * width};
  for (int64_t t = 0; t < count; ++t) {
    const double* vector = &golden_->token_vectors.values[t * width];
    for (int copy = 0; copy < 2; ++copy) {
      twice.values.insert(twice.values.end(), vector, vector + width);
    }
  }
  EXPECT_THAT(result.values, MatrixNear(twice, kGoldenTolerance));
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenTest,
                         ::testing::ValuesIn(AllEngineKinds()), KindName);

}  // namespace
}  // namespace elmo::testing
