// What bf16 and int8 cost on real words with the shipped model. The limits are
// those that the project holds itself to (docs/performance.md has the measured
// figures, on ten thousand sentences).

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/model/model_package.h"
#include "tests/core/engine/engine_testing.h"
#include "tests/testing/vector_errors.h"

namespace elmo::testing {
namespace {

struct Limits {
  double mean_cosine;
  double worst_cosine;
  double error[2];  // Relative, of the two LSTM layers.
};

Limits LimitsOf(Precision precision) {
  return precision == Precision::kBf16 ? Limits{0.9995, 0.998, {0.01, 0.02}}
                                       : Limits{0.998, 0.98, {0.03, 0.05}};
}

// The demonstration's sentences, each by itself and all as one long one.
std::vector<Sentence> RealSentences() {
  std::vector<Sentence> sentences;
  Sentence all{{}, AllLayers(), {}};
  std::ifstream file(ELMO_SOURCE_DIR "/models/bank.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Sentence sentence{{}, AllLayers(), {}};
    for (std::string word; words >> word;) sentence.tokens.push_back(word);
    all.tokens.insert(all.tokens.end(), sentence.tokens.begin(),
                      sentence.tokens.end());
    sentences.push_back(sentence);
  }
  sentences.push_back(all);
  return sentences;
}

class PrecisionLossTest : public ::testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    if (const absl::Status cpu = CheckCpuFor(GetParam()); !cpu.ok()) {
      GTEST_SKIP() << cpu;
    }
    auto package = ModelPackage::Load(ELMO_SOURCE_DIR "/models/elmo-en-small");
    ASSERT_TRUE(package.ok()) << package.status();
    package_ = *std::move(package);
  }

  std::vector<Result> Run(Precision precision,
                          const std::vector<Sentence>& sentences) const {
    const auto engine =
        MakeEngine(package_->options(), package_->weights(),
                   {LstmPath::kMerged, BestKernels().isa, precision});
    const auto workspace = engine->CreateWorkspace();
    return RunTogether(*engine, workspace.get(), sentences);
  }

  std::unique_ptr<ModelPackage> package_;
};

TEST_P(PrecisionLossTest, VectorsOfRealSentencesStayWithinTheLimits) {
  const std::vector<Sentence> sentences = RealSentences();
  ASSERT_GT(sentences.size(), 4u);
  const std::vector<Result> want = Run(Precision::kF32, sentences);
  const std::vector<Result> got = Run(GetParam(), sentences);
  const int64_t dim = package_->options().output_dim();
  const Limits limits = LimitsOf(GetParam());
  for (int layer = 0; layer < 3; ++layer) {
    VectorErrors errors;
    for (size_t i = 0; i < sentences.size(); ++i) {
      const size_t rows = sentences[i].tokens.size() + 2;
      for (size_t r = 0; r < rows; ++r) {
        const size_t at = (layer * rows + r) * dim;
        errors.Add(&want[i].values[at], &got[i].values[at], dim);
      }
    }
    if (layer == 0) {
      EXPECT_EQ(errors.error_squares, 0) << "layer 0 is float32 always";
      continue;
    }
    EXPECT_GE(errors.mean_cosine(), limits.mean_cosine) << layer;
    EXPECT_GE(errors.worst_cosine, limits.worst_cosine) << layer;
    EXPECT_LE(errors.relative_rms(), limits.error[layer - 1]) << layer;
    // Else this would be f32 under another name.
    EXPECT_GT(errors.relative_rms(), 1e-4) << layer;
  }
}

TEST_P(PrecisionLossTest, ErrorsDoNotGrowAlongASentence) {
  const std::vector<Sentence> sentences = {RealSentences().back()};
  const size_t rows = sentences[0].tokens.size() + 2;
  ASSERT_GT(rows, 60u);
  const std::vector<Result> want = Run(Precision::kF32, sentences);
  const std::vector<Result> got = Run(GetParam(), sentences);
  const int64_t dim = package_->options().output_dim();
  VectorErrors begin, end;
  for (size_t r = 0; r < rows; ++r) {
    const size_t at = (2 * rows + r) * dim;  // Forward half of the top layer.
    (r < rows / 2 ? begin : end)
        .Add(&want[0].values[at], &got[0].values[at], dim / 2);
  }
  // As large; 1.5: each half is some forty vectors.
  EXPECT_LE(end.relative_rms(), 1.5 * begin.relative_rms());
}

std::string Name(const ::testing::TestParamInfo<Precision>& info) {
  return info.param == Precision::kBf16 ? "Bf16" : "Int8";
}

INSTANTIATE_TEST_SUITE_P(Precisions, PrecisionLossTest,
                         ::testing::Values(Precision::kBf16, Precision::kInt8),
                         Name);

}  // namespace
}  // namespace elmo::testing
