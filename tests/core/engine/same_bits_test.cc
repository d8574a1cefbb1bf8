// The promise that a sentence's bytes depend on the sentence, its start state
// and its output alone, at the dims of AllenNLP's test model.

#include "tests/core/engine/same_bits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

namespace elmo::testing {
namespace {

using ::testing::IsEmpty;

ModelOptions FixtureOptions() {
  ModelOptions options = TinyOptions();
  options.lstm.dim = 64;
  options.lstm.projection_dim = 16;
  options.char_cnn.filters = {{1, 4}, {2, 8}, {3, 16}, {4, 32}, {5, 64}};
  return options;
}

// Clips bite now and then, as in the published models.
RandomModelScale ClippingScale() {
  RandomModelScale scale;
  scale.forget_bias = 3;
  scale.lstm_projection = 5;
  return scale;
}

class SameBitsTest : public ::testing::TestWithParam<EngineKind> {
 protected:
  SameBitsTest()
      : model_(RandomModel(FixtureOptions(), 1, ClippingScale())),
        engine_(MakeEngine(*model_, GetParam())),
        workspace_(engine_->CreateWorkspace()) {}

  SameBitsChecker MixedChecker(const Engine& engine) const {
    return SameBitsChecker(engine, MixedPool(model_->options(), 2, 128, 0, 12));
  }

  const std::unique_ptr<TinyModel> model_;
  const std::unique_ptr<ElmoEngine> engine_;
  const std::unique_ptr<Engine::Workspace> workspace_;
};

TEST_P(SameBitsTest, InCompanyOfEverySizeFrom1To128) {
  const SameBitsChecker checker = MixedChecker(*engine_);
  for (uint64_t seed = 0; seed < 2; ++seed) {
    EXPECT_THAT(checker.CheckEverySize(seed, workspace_.get()), IsEmpty());
  }
}

// Sentences of one length stay in the caller's order inside the engine, so
// that each of the 128 comes to stand at each row.
TEST_P(SameBitsTest, AtEveryRow) {
  const SameBitsChecker checker(*engine_,
                                MixedPool(model_->options(), 3, 128, 3, 3));
  std::vector<size_t> chosen(128);
  for (size_t shift = 0; shift < 128; ++shift) {
    for (size_t row = 0; row < 128; ++row) chosen[row] = (row + shift) % 128;
    EXPECT_THAT(checker.Check(chosen, workspace_.get()), IsEmpty()) << shift;
  }
}

TEST_P(SameBitsTest, BesideItself) {
  const SameBitsChecker checker = MixedChecker(*engine_);
  for (size_t i = 0; i < checker.pool().size(); ++i) {
    EXPECT_THAT(checker.Check({i, i, i, i, i}, workspace_.get()), IsEmpty());
  }
}

// One sentence that outlasts all others, so that the rows shrink to one.
TEST_P(SameBitsTest, WhenTheOthersEndBefore) {
  std::vector<Sentence> pool = MixedPool(model_->options(), 4, 8, 0, 3);
  pool.push_back(MixedPool(model_->options(), 5, 1, 200, 200)[0]);
  const SameBitsChecker checker(*engine_, std::move(pool));
  EXPECT_THAT(checker.CheckEverySize(6, workspace_.get()), IsEmpty());
}

// The most frequent complaint about every other implementation: what ran
// before leaks into what runs now.
TEST_P(SameBitsTest, AfterManyOthers) {
  const SameBitsChecker checker = MixedChecker(*engine_);
  std::vector<size_t> others(checker.pool().size() - 1);
  std::iota(others.begin(), others.end(), 1);
  for (int round = 0; round < 5; ++round) {
    ASSERT_THAT(checker.Check({0}, workspace_.get()), IsEmpty()) << round;
    ASSERT_THAT(checker.Check(others, workspace_.get()), IsEmpty()) << round;
  }
  EXPECT_THAT(checker.Check({0}, workspace_.get()), IsEmpty());
}

TEST_P(SameBitsTest, WithoutAWordCacheAndWithOneThatForgets) {
  const SameBitsChecker checker = MixedChecker(*engine_);
  ASSERT_GT(engine_->word_cache_stats().hits, 0);
  for (const int64_t bytes : {kNoCache, int64_t{8000}}) {
    const auto other = MakeEngine(*model_, GetParam(), bytes);
    const auto workspace = other->CreateWorkspace();
    for (int round = 0; round < 2; ++round) {
      for (const Sentence& sentence : checker.pool()) {
        const Result cached = RunAlone(*engine_, workspace_.get(), sentence);
        const Result computed = RunAlone(*other, workspace.get(), sentence);
        EXPECT_THAT(computed.values, SameBits(cached.values)) << bytes;
      }
    }
  }
}

TEST_P(SameBitsTest, InAnotherEngineOfTheSameModel) {
  const auto other = MakeEngine(*model_, GetParam());
  const auto workspace = other->CreateWorkspace();
  for (const Sentence& sentence : MixedPool(model_->options(), 7, 8, 0, 9)) {
    EXPECT_THAT(
        RunAlone(*other, workspace.get(), sentence).values,
        SameBits(RunAlone(*engine_, workspace_.get(), sentence).values));
  }
}

// A layer is the same whether it is asked for alone or with all others.
TEST_P(SameBitsTest, WhateverElseIsAskedFor) {
  Sentence sentence = MixedPool(model_->options(), 8, 1, 7, 7)[0];
  sentence.output = AllLayers();
  const Result all = RunAlone(*engine_, workspace_.get(), sentence);
  const size_t rows = sentence.tokens.size() + 2;
  const size_t dim = model_->options().output_dim();
  for (int layer = 0; layer < model_->options().num_output_layers(); ++layer) {
    sentence.output = OneLayer(layer);
    const Result one = RunAlone(*engine_, workspace_.get(), sentence);
    const auto begin = all.values.begin() + (layer * rows + 1) * dim;
    EXPECT_THAT(one.values,
                SameBits(std::vector<float>(begin, begin + (rows - 2) * dim)));
    EXPECT_THAT(one.final_state.c, SameBits(all.final_state.c));
  }
}

// A caller may hand in one object as start and final state.
TEST_P(SameBitsTest, WhenTheFinalStateReplacesTheStartState) {
  const OutputSpec spec = AllLayers();
  std::vector<Sentence> sentences = MixedPool(model_->options(), 9, 5, 0, 9);
  std::vector<LstmState> states(sentences.size());
  for (size_t i = 0; i < sentences.size(); ++i) {
    sentences[i].output = spec;
    sentences[i].start = RandomState(model_->options().lstm, i);
    states[i] = *sentences[i].start;
  }
  std::vector<SentenceInput> inputs;
  std::vector<SentenceOutput> outputs(sentences.size());
  for (size_t i = 0; i < sentences.size(); ++i) {
    inputs.push_back({sentences[i].tokens, &spec, &states[i]});
    outputs[i].final_state = &states[i];
  }
  ASSERT_TRUE(
      engine_->Run(inputs, workspace_.get(), absl::MakeSpan(outputs)).ok());
  for (size_t i = 0; i < sentences.size(); ++i) {
    const Result want = RunAlone(*engine_, workspace_.get(), sentences[i]);
    EXPECT_THAT(outputs[i].values, SameBits(want.values));
    EXPECT_THAT(states[i].h, SameBits(want.final_state.h));
    EXPECT_THAT(states[i].c, SameBits(want.final_state.c));
  }
}

// Workers run beside each other on one engine. Their words fall out of a small
// cache all the time, so that it is written and read by all of them.
TEST_P(SameBitsTest, OnManyThreadsAtOnce) {
  constexpr int kThreads = 4;
  const auto engine = MakeEngine(*model_, GetParam(), /*cache bytes*/ 20000);
  const SameBitsChecker checker(*engine,
                                MixedPool(model_->options(), 10, 12, 0, 6));
  std::vector<std::string> differences(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto workspace = engine->CreateWorkspace();
      for (int round = 0; round < 5 && differences[i].empty(); ++round) {
        differences[i] = checker.CheckEverySize(i, workspace.get());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(differences, ::testing::Each(IsEmpty()));
}

// Workers that have nothing to do share the steps of another's run, from
// anywhere in it to anywhere: here they come and go all the time.
TEST_P(SameBitsTest, WhoeverHelpsAndWhenever) {
  const SameBitsChecker checker = MixedChecker(*engine_);
  // Words are computed each time.
  const auto uncached = MakeEngine(*model_, GetParam(), kNoCache);
  for (const int helpers : {1, 2, 3}) {
    Team team(helpers);
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < helpers; ++i) {
      threads.emplace_back([&] {
        while (!done) team.Help();
      });
    }
    const auto workspace = uncached->CreateWorkspace();
    workspace->team = &team;
    int64_t steps = 0;
    workspace->between_steps = [&] {
      ++steps % 7 == 0 ? team.Close() : team.Open();
    };
    // At least until somebody has helped.
    bool helped = false;
    for (uint64_t seed = 0; seed < 1 || !helped; ++seed) {
      EXPECT_THAT(checker.CheckEverySize(seed, workspace.get()), IsEmpty());
      helped |= team.TakeHelped();
      if (GetParam().path == LstmPath::kPrimitive) break;
    }
    done = true;
    team.Close();
    for (std::thread& thread : threads) thread.join();
  }
}

// Without this the tests above could pass on an engine that ignores its input.
TEST_P(SameBitsTest, DifferentSentencesAndStartStatesGiveDifferentBits) {
  Sentence sentence{{"one", "two"}, AllLayers(), std::nullopt};
  const Result first = RunAlone(*engine_, workspace_.get(), sentence);
  sentence.start = RandomState(model_->options().lstm, 1);
  const Result second = RunAlone(*engine_, workspace_.get(), sentence);
  sentence.tokens[1] = "Two";
  const Result third = RunAlone(*engine_, workspace_.get(), sentence);
  EXPECT_NE(first.values, second.values);
  EXPECT_NE(second.values, third.values);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SameBitsTest,
                         ::testing::ValuesIn(EveryPrecision()), KindName);

}  // namespace
}  // namespace elmo::testing
