// The engine against the double-precision reference: what the goldens do not
// cover. The tolerances are Judge's.

#include "core/engine/elmo_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "tests/core/engine/engine_testing.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ElmoEngineTest : public ::testing::TestWithParam<EngineKind> {
 protected:
  // Runs the sentences together and compares each with the reference.
  void ExpectCorrect(const Judge& judge,
                     const std::vector<Sentence>& sentences) {
    const auto engine = MakeEngine(judge.model(), GetParam());
    const auto workspace = engine->CreateWorkspace();
    const std::vector<Result> results =
        RunTogether(*engine, workspace.get(), sentences);
    for (size_t i = 0; i < sentences.size(); ++i) {
      EXPECT_THAT(judge.Compare(sentences[i], results[i]), IsEmpty())
          << "sentence " << i << " of " << sentences[i].tokens.size()
          << " tokens";
    }
  }

  // Sentences of different lengths, all layers and boundaries of each.
  void ExpectCorrect(const ModelOptions& options,
                     const RandomModelScale& scale = {}) {
    ExpectCorrect(Judge(options, 1, scale), SomeSentences());
  }

  static std::vector<Sentence> SomeSentences() {
    TestRandom random(7);
    std::vector<Sentence> sentences;
    for (int64_t num_tokens : {3, 0, 12, 1, 7, 7}) {
      sentences.push_back(
          {RandomSentence(&random, num_tokens), AllLayers(), std::nullopt});
    }
    return sentences;
  }

  Result RunOne(const TinyModel& model, const Sentence& sentence) {
    const auto engine = MakeEngine(model, GetParam());
    const auto workspace = engine->CreateWorkspace();
    return RunAlone(*engine, workspace.get(), sentence);
  }
};

TEST_P(ElmoEngineTest, EveryLayerAgreesWithTheReference) {
  ExpectCorrect(TinyOptions());
}

TEST_P(ElmoEngineTest, AnyNumberOfLayersAgrees) {
  for (int num_layers = 1; num_layers <= 8; ++num_layers) {
    ModelOptions options = TinyOptions();
    options.lstm.num_layers = num_layers;
    SCOPED_TRACE(num_layers);
    ExpectCorrect(options);
  }
}

TEST_P(ElmoEngineTest, NoSkipConnectionsAgree) {
  ModelOptions options = TinyOptions();
  options.lstm.num_layers = 3;
  options.lstm.use_skip_connections = false;
  ExpectCorrect(options);
}

TEST_P(ElmoEngineTest, TanhModelAgrees) {
  ModelOptions options = TinyOptions();
  options.char_cnn.activation = Activation::kTanh;
  ExpectCorrect(options);
}

TEST_P(ElmoEngineTest, AnyNumberOfHighwaysAgrees) {
  for (int num_highway : {0, 1, 3}) {
    ModelOptions options = TinyOptions();
    options.char_cnn.num_highway = num_highway;
    SCOPED_TRACE(num_highway);
    ExpectCorrect(options);
  }
}

// Around the widths of registers and panels, and far from them.
TEST_P(ElmoEngineTest, OddAndWideDimensionsAgree) {
  struct Dims {
    int p, h;
    std::vector<CharCnnOptions::Filter> filters;
  };
  const Dims all_dims[] = {
      {7, 13, {{1, 5}, {3, 6}}}, {1, 2, {{1, 1}, {2, 1}}},
      {15, 16, {{2, 17}}},       {16, 17, {{1, 15}, {2, 2}, {4, 16}}},
      {17, 33, {{5, 31}}},       {64, 200, {{1, 3}, {7, 90}}},
      {31, 600, {{2, 33}}},      {3, 4, {{50, 3}, {49, 2}}},
  };
  for (const Dims& dims : all_dims) {
    ModelOptions options = TinyOptions();
    options.lstm.projection_dim = dims.p;
    options.lstm.dim = dims.h;
    options.char_cnn.filters = dims.filters;
    SCOPED_TRACE(::testing::Message() << "P " << dims.p << ", H " << dims.h);
    ExpectCorrect(options);
  }
}

TEST_P(ElmoEngineTest, NoProjectionWhereWidthsAreEqualAgrees) {
  ModelOptions options = TinyOptions();
  options.lstm.projection_dim = options.lstm.dim = 20;  // F is 20 as well.
  ExpectCorrect(options);
  options.lstm.projection_dim = options.lstm.dim = 19;
  ExpectCorrect(options);
  options.lstm.projection_dim = 20;
  options.lstm.dim = 40;
  ExpectCorrect(options);
}

// As AllenNLP: what projects without narrowing projects, and is clipped.
TEST_P(ElmoEngineTest, SquareProjectionsAgree) {
  ModelOptions options = TinyOptions();
  options.lstm.projection_dim = options.lstm.dim = 20;  // F is 20 as well.
  options.lstm.square_projection = true;
  options.char_cnn.square_projection = true;
  options.lstm.proj_clip = 0.05f;
  ExpectCorrect(options);
}

// As TensorFlow's LSTMCell: proj_clip belongs to the projection.
TEST_P(ElmoEngineTest, WithoutProjectionOutputsAreNotClipped) {
  ModelOptions options = TinyOptions();
  options.lstm.projection_dim = options.lstm.dim = 20;
  options.lstm.proj_clip = 0.01f;
  ExpectCorrect(options);
}

TEST_P(ElmoEngineTest, OtherCharacterLimitsAgree) {
  for (int max_characters : {3, 5, 20, 64}) {
    ModelOptions options = TinyOptions();
    options.char_cnn.max_characters_per_token = max_characters;
    SCOPED_TRACE(max_characters);
    ExpectCorrect(options);
  }
}

// Clips so narrow that nearly every value of every step is clipped.
TEST_P(ElmoEngineTest, ClipsThatBiteAtEveryStepAgree) {
  ModelOptions options = TinyOptions();
  options.lstm.cell_clip = 0.01f;
  options.lstm.proj_clip = 0.002f;
  const Judge judge(options, 1);
  const std::vector<Sentence> sentences = SomeSentences();
  const ReferenceResult result = judge.Expect(sentences[2]).result;
  ASSERT_GT(result.clipped_cells, 0.9);
  ASSERT_GT(result.clipped_outputs, 0.5);
  ExpectCorrect(judge, sentences);
}

// Clips of the published models that bite now and then.
TEST_P(ElmoEngineTest, ClipsThatBiteNowAndThenAgree) {
  RandomModelScale scale;
  scale.forget_bias = 3;
  scale.lstm_projection = 5;
  const Judge judge(TinyOptions(), 1, scale);
  TestRandom random(3);
  const std::vector<Sentence> sentences = {
      {RandomSentence(&random, 20), AllLayers(), std::nullopt},
      {RandomSentence(&random, 15), AllLayers(), std::nullopt}};
  const ReferenceResult result = judge.Expect(sentences[0]).result;
  ASSERT_GT(result.clipped_cells, 0.01);
  ASSERT_LT(result.clipped_cells, 0.2);
  ASSERT_GT(result.clipped_outputs, 0.01);
  ASSERT_LT(result.clipped_outputs, 0.2);
  ExpectCorrect(judge, sentences);
}

TEST_P(ElmoEngineTest, NoClipsAgree) {
  ModelOptions options = TinyOptions();
  RandomModelScale scale;
  scale.forget_bias = 3;
  scale.lstm_projection = 5;
  for (const auto& [cell_clip, proj_clip] :
       {std::pair{0, 0}, std::pair{3, 0}, std::pair{0, 3}}) {
    options.lstm.cell_clip = cell_clip;
    options.lstm.proj_clip = proj_clip;
    ExpectCorrect(options, scale);
  }
}

// Gates and tanh far in saturation.
TEST_P(ElmoEngineTest, HugeWeightsAgree) {
  RandomModelScale scale;
  scale.char_cnn = 10;
  scale.projection = 10;
  ExpectCorrect(TinyOptions(), scale);
}

TEST_P(ElmoEngineTest, StartStatesOfAllKindsAgree) {
  const Judge judge(TinyOptions(), 1);
  const LstmOptions& lstm = judge.options().lstm;
  std::vector<Sentence> sentences = SomeSentences();
  sentences[0].start = LstmState::Zero(lstm);
  sentences[1].start = RandomState(lstm, 5, 3, 3);
  sentences[2].start = RandomState(lstm, 6);
  sentences[4].start = RandomState(lstm, 7, 3, 3);
  ExpectCorrect(judge, sentences);
}

TEST_P(ElmoEngineTest, ZeroStartStateIsTheDefault) {
  const Judge judge(TinyOptions(), 1);
  Sentence sentence = SomeSentences()[2];
  const Result by_default = RunOne(judge.model(), sentence);
  sentence.start = LstmState::Zero(judge.options().lstm);
  EXPECT_THAT(RunOne(judge.model(), sentence).values,
              SameBits(by_default.values));
}

// A sentence cut in two, with the state carried over by hand: the forward
// direction of the second half continues where the first stopped.
TEST_P(ElmoEngineTest, FinalStateOfOneSentenceStartsTheNext) {
  const Judge judge(TinyOptions(), 1);
  const auto engine = MakeEngine(judge.model(), GetParam());
  const auto workspace = engine->CreateWorkspace();
  std::optional<LstmState> state;
  for (Sentence sentence : SomeSentences()) {
    sentence.start = state;
    const Result result = RunAlone(*engine, workspace.get(), sentence);
    EXPECT_THAT(judge.Compare(sentence, result), IsEmpty());
    state = result.final_state;
  }
}

TEST_P(ElmoEngineTest, AwkwardWordsAgree) {
  const Judge judge(TinyOptions(), 1);
  const std::string long_word(60, 'x');
  ExpectCorrect(
      judge,
      {{{"", "<S>", "</S>", "<s>", " ", "a b"}, AllLayers(), std::nullopt},
       {{""}, AllLayers(), std::nullopt},
       {{long_word, std::string(48, 'x'), std::string(47, 'x')},
        AllLayers(),
        std::nullopt},
       {{std::string("a\0b", 3), "\xff\xfe\x80", "\u00e9\u4e2d\U0001f600"},
        AllLayers(),
        std::nullopt}});
}

TEST_P(ElmoEngineTest, BytesBeyondThe48thDoNotMatter) {
  const Judge judge(TinyOptions(), 1);
  const std::string kept(48, 'x');
  const Sentence exact{{kept}, AllLayers(), std::nullopt};
  const Sentence longer{{kept + "yz"}, AllLayers(), std::nullopt};
  const Sentence shorter{{kept.substr(1)}, AllLayers(), std::nullopt};
  const Result result = RunOne(judge.model(), exact);
  EXPECT_THAT(RunOne(judge.model(), longer).values, SameBits(result.values));
  EXPECT_NE(RunOne(judge.model(), shorter).values, result.values);
}

// A literal <S> has the vector of the boundary, which is what layer 0 shows.
TEST_P(ElmoEngineTest, LiteralBoundaryWordHasTheBoundarysVector) {
  const Judge judge(TinyOptions(), 1);
  const Sentence sentence{{"<S>", "</S>"}, AllLayers(), std::nullopt};
  const std::vector<float> values = RunOne(judge.model(), sentence).values;
  const int64_t dim = judge.options().output_dim();
  const auto row = [&](int64_t t) {
    return std::vector<float>(values.begin() + t * dim,
                              values.begin() + (t + 1) * dim);
  };
  EXPECT_THAT(row(1), SameBits(row(0)));
  EXPECT_THAT(row(2), SameBits(row(3)));
  EXPECT_NE(row(0), row(3));
}

TEST_P(ElmoEngineTest, EmptySentenceHasNoRowsButAState) {
  const Judge judge(TinyOptions(), 1);
  OutputSpec spec;
  spec.layer_norm = true;
  const Sentence sentence{{}, spec, std::nullopt};
  const Result result = RunOne(judge.model(), sentence);
  EXPECT_THAT(result.values, IsEmpty());
  EXPECT_THAT(judge.Compare(sentence, result), IsEmpty());
}

TEST_P(ElmoEngineTest, EmptySentencePoolsToZeros) {
  const Judge judge(TinyOptions(), 1);
  for (const Pooling pooling : {Pooling::kMean, Pooling::kMax}) {
    for (const bool layers : {false, true}) {
      OutputSpec spec = layers ? OneLayer(1) : OutputSpec();
      spec.pooling = pooling;
      spec.normalize = true;
      const Result result = RunOne(judge.model(), {{}, spec, std::nullopt});
      EXPECT_THAT(result.values, SizeIs(judge.options().output_dim()));
      EXPECT_THAT(result.values, Each(0.0f));
    }
  }
}

TEST_P(ElmoEngineTest, NoSentencesAreFine) {
  const auto engine = MakeEngine(*RandomModel(TinyOptions(), 1), GetParam());
  const auto workspace = engine->CreateWorkspace();
  EXPECT_THAT(RunTogether(*engine, workspace.get(), {}), IsEmpty());
}

TEST_P(ElmoEngineTest, SentenceLongerThanAnyBeforeAgrees) {
  const Judge judge(TinyOptions(), 1);
  const auto engine = MakeEngine(judge.model(), GetParam());
  const auto workspace = engine->CreateWorkspace();
  TestRandom random(9);
  for (int64_t num_tokens : {1, 2, 9, 70, 500, 3}) {
    const Sentence sentence{RandomSentence(&random, num_tokens), AllLayers(),
                            std::nullopt};
    EXPECT_THAT(
        judge.Compare(sentence, RunAlone(*engine, workspace.get(), sentence)),
        IsEmpty())
        << num_tokens;
  }
}

// Every combination of what can be asked.
TEST_P(ElmoEngineTest, EveryOutputAgrees) {
  std::vector<OutputSpec> selections = {
      OutputSpec(),
      Mix({}, 1, true),
      Mix({0.1f, 0.3f, 0.5f}, 1.1f, false),
      Mix({0.1f, 0.3f, 0.5f}, 1.1f, true),
      Mix({0.2f, 0.4f, 0.6f}, 0.88f, false),
      Mix({0.2f, 0.4f, 0.6f}, 0.88f, true),
      Mix({-9e10f, 1, -9e10f}, 1, false),  // Layer 1 alone.
      Mix({}, -2, false),
      Mix({}, 0, false),
      OneLayer(0),
      OneLayer(2),
      AllLayers()};
  selections.push_back(AllLayers());
  selections.back().layers = {2, 0};
  const Judge judge(TinyOptions(), 1);
  TestRandom random(11);
  std::vector<Sentence> sentences;
  for (OutputSpec spec : selections) {
    for (Pooling pooling : {Pooling::kNone, Pooling::kMean, Pooling::kMax}) {
      for (int flags = 0; flags < 4; ++flags) {
        spec.pooling = pooling;
        spec.normalize = flags & 1;
        spec.keep_boundaries = flags & 2;
        sentences.push_back({RandomSentence(&random, random.Between(0, 4)),
                             spec, std::nullopt});
      }
    }
  }
  ExpectCorrect(judge, sentences);
}

// bilm-tf's own test of the mix: on the same layers, within 1e-6.
TEST_P(ElmoEngineTest, MixOfItsOwnLayersIsWithinOneMillionth) {
  const auto model = RandomModel(TinyOptions(), 1);
  TestRandom random(13);
  const std::vector<std::string> tokens = RandomSentence(&random, 9);
  const Result layers = RunOne(*model, {tokens, AllLayers(), std::nullopt});
  ReferenceResult from_layers;
  const float* value = layers.values.data();
  const int64_t dim = model->options().output_dim();
  for (int l = 0; l < model->options().num_output_layers(); ++l) {
    Rows& rows = from_layers.layers.emplace_back();
    for (size_t t = 0; t < tokens.size() + 2; ++t, value += dim) {
      rows.emplace_back(value, value + dim);
    }
  }
  for (const bool layer_norm : {false, true}) {
    for (const OutputSpec& spec :
         {Mix({0.1f, 0.3f, 0.5f}, 1.1f, layer_norm),
          Mix({0.2f, 0.4f, 0.6f}, 0.88f, layer_norm), Mix({}, 1, layer_norm)}) {
      EXPECT_THAT(
          RunOne(*model, {tokens, spec, std::nullopt}).values,
          MatrixNear(ReferenceOutput(from_layers, spec), Tolerance{1e-6, 0}));
    }
  }
}

TEST_P(ElmoEngineTest, PartsInAnyOrderMakeTheSameEngine) {
  const auto model = RandomModel(TinyOptions(), 1);
  const ModelWeights& weights = model->weights();
  ElmoEngineOptions options;
  options.lstm_path = GetParam().path;
  options.kernels = KernelsFor(GetParam().isa);
  ElmoEngine::Builder builder(options);
  ASSERT_THAT(builder.Begin(model->options()), IsOk());
  for (const int layer : {1, 0}) {
    ASSERT_THAT(builder.TakeCell(1, layer, weights.backward[layer]), IsOk());
    ASSERT_THAT(builder.TakeCell(0, layer, weights.forward[layer]), IsOk());
  }
  ASSERT_THAT(builder.TakeCharCnn(weights.char_cnn), IsOk());
  const std::unique_ptr<ElmoEngine> engine = builder.Build();
  const auto workspace = engine->CreateWorkspace();
  for (const Sentence& sentence : SomeSentences()) {
    EXPECT_EQ(RunAlone(*engine, workspace.get(), sentence).values,
              RunOne(*model, sentence).values);
  }
}

// Forward and backward differ by their weights and the direction they read in,
// nothing else. So a reversed sentence, with the two weight sets and the two
// boundaries exchanged, gives the mirrored result.
TEST_P(ElmoEngineTest, MirroredModelGivesMirroredOutput) {
  ModelOptions options = TinyOptions();
  const auto model = RandomModel(options, 1);
  ModelWeights mirrored = model->weights();
  std::swap(mirrored.forward, mirrored.backward);
  const ConstMatrix embedding = mirrored.char_cnn.embedding;
  std::vector<float> swapped(embedding.data(),
                             embedding.data() + embedding.size());
  // Rows 256 and 257: character ids 257 and 258, begin and end of sentence.
  std::swap_ranges(&swapped[256 * embedding.cols()],
                   &swapped[257 * embedding.cols()],
                   &swapped[257 * embedding.cols()]);
  mirrored.char_cnn.embedding =
      ConstMatrix(swapped.data(), embedding.rows(), embedding.cols());
  const auto engine = MakeEngine(options, mirrored, GetParam());
  const auto workspace = engine->CreateWorkspace();

  Sentence sentence{{"one", "two", "three", "four"}, AllLayers(), std::nullopt};
  const std::vector<float> straight = RunOne(*model, sentence).values;
  std::reverse(sentence.tokens.begin(), sentence.tokens.end());
  const std::vector<float> reversed =
      RunAlone(*engine, workspace.get(), sentence).values;

  const int64_t width = options.lstm.projection_dim;
  const int64_t steps = static_cast<int64_t>(sentence.tokens.size()) + 2;
  WantedMatrix mirror{std::vector<double>(straight.size()), 2 * width};
  for (int64_t l = 0; l < options.num_output_layers(); ++l) {
    for (int64_t t = 0; t < steps; ++t) {
      const float* from = &straight[(l * steps + t) * 2 * width];
      double* to = &mirror.values[(l * steps + steps - 1 - t) * 2 * width];
      std::copy(from, from + width, to + width);
      std::copy(from + width, from + 2 * width, to);
    }
  }
  // The same sums on both sides, perhaps in another order: a hundred roundings
  // of values of about 1.
  EXPECT_THAT(reversed, MatrixNear(mirror, Tolerance{100 * 0x1p-24, 0}));
}

// A few hundred valid models and calls, none chosen by hand.
TEST_P(ElmoEngineTest, RandomModelsAndSentencesAgree) {
  TestRandom random(17);
  for (int round = 0; round < 200; ++round) {
    ModelOptions options;
    options.lstm.projection_dim = random.Between(1, 24);
    options.lstm.dim = options.lstm.projection_dim + random.Below(40);
    options.lstm.num_layers = random.Between(1, 4);
    options.lstm.cell_clip = random.OneIn(3) ? 0 : random.Uniform(1.5f) + 1.51f;
    options.lstm.proj_clip = random.OneIn(3) ? 0 : random.Uniform(0.5f) + 0.51f;
    options.lstm.use_skip_connections = random.OneIn(2);
    CharCnnOptions& cnn = options.char_cnn;
    cnn.activation = random.OneIn(2) ? Activation::kRelu : Activation::kTanh;
    cnn.max_characters_per_token = random.OneIn(2) ? 50 : random.Between(3, 60);
    for (int64_t n = random.Between(1, 4); n > 0; --n) {
      const int64_t widest = std::min(8, cnn.max_characters_per_token);
      cnn.filters.push_back({static_cast<int>(random.Between(1, widest)),
                             static_cast<int>(random.Between(1, 20))});
    }
    cnn.num_highway = random.Between(0, 3);
    cnn.embedding_dim = random.Between(1, 6);
    const Judge judge(options, round);

    std::vector<Sentence> sentences(random.Between(1, 6));
    for (Sentence& sentence : sentences) {
      sentence.tokens = RandomSentence(&random, random.Between(0, 9));
      OutputSpec& spec = sentence.output;
      spec.selection = random.OneIn(2) ? OutputSpec::Selection::kMix
                                       : OutputSpec::Selection::kLayers;
      spec.layer_norm = random.OneIn(2);
      spec.pooling = static_cast<Pooling>(random.Below(3));
      spec.normalize = random.OneIn(2);
      spec.keep_boundaries = random.OneIn(2);
      if (random.OneIn(2)) {
        sentence.start = RandomState(options.lstm, random.Below(1000));
      }
    }
    SCOPED_TRACE(::testing::Message() << "round " << round);
    ExpectCorrect(judge, sentences);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ElmoEngineTest,
                         ::testing::ValuesIn(AllEngineKinds()), KindName);

}  // namespace
}  // namespace elmo::testing
