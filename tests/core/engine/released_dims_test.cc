// The dims of the largest published models (H 4096, P 512, 93.6 million
// parameters) with random weights: against the reference, and bit by bit.

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/core/engine/same_bits.h"

namespace elmo::testing {
namespace {

using ::testing::IsEmpty;

// Chosen so that the clips, 3 as published, bite at 1 to 5 % of all values.
RandomModelScale ReleasedScale() {
  RandomModelScale scale;
  scale.forget_bias = 3;
  scale.lstm_projection = 3.4f;
  return scale;
}

// The fastest kernels only: the others are tested at smaller dims.
class ReleasedDimsTest : public ::testing::TestWithParam<EngineKind> {};

TEST_P(ReleasedDimsTest, AgreesWithTheReferenceWhereClipsBite) {
  const Judge judge(ReleasedOptions(), 1, ReleasedScale());
  const std::vector<Sentence> sentences = {
      {{"Released", "dims"},
       AllLayers(),
       RandomState(judge.options().lstm, 1, 2, 2.5f)},
      {{}, AllLayers(), RandomState(judge.options().lstm, 2, 2, 2.5f)}};
  const ReferenceResult result = judge.Expect(sentences[0]).result;
  ASSERT_GT(result.clipped_cells, 0.01);
  ASSERT_LT(result.clipped_cells, 0.05);
  ASSERT_GT(result.clipped_outputs, 0.01);
  ASSERT_LT(result.clipped_outputs, 0.05);

  const auto engine = MakeEngine(judge.model(), GetParam());
  const auto workspace = engine->CreateWorkspace();
  const std::vector<Result> results =
      RunTogether(*engine, workspace.get(), sentences);
  for (size_t i = 0; i < sentences.size(); ++i) {
    EXPECT_THAT(judge.Compare(sentences[i], results[i]), IsEmpty()) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReleasedDimsTest,
                         ::testing::ValuesIn(FastestEngineKinds()), KindName);

class ReleasedDimsSameBitsTest : public ::testing::TestWithParam<EngineKind> {};

// One layer, and sentences of two and three steps, so that all sizes fit into a
// minute: a cell knows nothing of the other layers. oneDNN's path, which may
// have to run in groups of four rows, up to 64.
TEST_P(ReleasedDimsSameBitsTest, InCompanyOfEverySizeFrom1To128) {
  const int64_t sizes = GetParam().path == LstmPath::kPrimitive ? 64 : 128;
  ModelOptions options = ReleasedOptions();
  options.lstm.num_layers = 1;
  std::unique_ptr<TinyModel> model = RandomModel(options, 1, ReleasedScale());
  const auto engine = MakeEngine(*model, GetParam());
  model.reset();  // The engine has its own copy; memory is short in CI.
  const SameBitsChecker checker(*engine, MixedPool(options, 2, sizes, 0, 1));
  const auto workspace = engine->CreateWorkspace();
  EXPECT_THAT(checker.CheckEverySize(3, workspace.get()), IsEmpty());
}

std::vector<EngineKind> FastestOfEveryPrecision() {
  std::vector<EngineKind> kinds = FastestEngineKinds();
  for (const EngineKind& kind : EveryPrecision()) {
    if (kind.precision != Precision::kF32) kinds.push_back(kind);
  }
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReleasedDimsSameBitsTest,
                         ::testing::ValuesIn(FastestOfEveryPrecision()),
                         KindName);

}  // namespace
}  // namespace elmo::testing
