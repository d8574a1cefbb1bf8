#ifndef ELMO_TESTS_CORE_ENGINE_ENGINE_TESTING_H_
#define ELMO_TESTS_CORE_ENGINE_ENGINE_TESTING_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/engine/elmo_engine.h"
#include "core/engine/engine.h"
#include "core/layers/kernels.h"
#include "core/layers/lstm_cell.h"
#include "core/model/lstm_state.h"
#include "tests/reference/reference_elmo.h"
#include "tests/testing/tiny_model.h"

namespace elmo::testing {

// A sentence and what is wanted of it; owns what SentenceInput points to.
struct Sentence {
  std::vector<std::string> tokens;
  OutputSpec output;
  std::optional<LstmState> start;  // nullopt: zeros.
};

struct Result {
  std::vector<float> values;
  LstmState final_state;
};

// One way to compute: each rounds differently, each keeps every promise.
struct EngineKind {
  LstmPath path;
  Isa isa;
  Precision precision = Precision::kF32;
};
// All that this CPU runs: both paths of the recurrence on the fastest kernels,
// the merged one on the other kernels too.
std::vector<EngineKind> AllEngineKinds();
// Those, and the low precisions that this CPU has.
std::vector<EngineKind> EveryPrecision();
// Both paths on the fastest kernels.
std::vector<EngineKind> FastestEngineKinds();
void PrintTo(const EngineKind& kind, std::ostream* out);
// Name of a parameterised test's case, such as "MergedAvx2".
std::string KindName(const ::testing::TestParamInfo<EngineKind>& info);

constexpr int64_t kNoCache = 0;
constexpr int64_t kLargeCache = 64 << 20;

// Fails the test, and ends the process, if the engine cannot be made or run.
std::unique_ptr<ElmoEngine> MakeEngine(const ModelOptions& options,
                                       const ModelWeights& weights,
                                       EngineKind kind,
                                       int64_t word_cache_bytes = kLargeCache);
std::unique_ptr<ElmoEngine> MakeEngine(const TinyModel& model, EngineKind kind,
                                       int64_t word_cache_bytes = kLargeCache);

// Runs the sentences in one call; the results in their order.
std::vector<Result> RunTogether(const Engine& engine,
                                Engine::Workspace* workspace,
                                absl::Span<const Sentence> sentences);
Result RunAlone(const Engine& engine, Engine::Workspace* workspace,
                const Sentence& sentence);

// Every layer of every position, boundaries included.
OutputSpec AllLayers();
OutputSpec OneLayer(int layer);
OutputSpec Mix(std::vector<float> weights, float gamma, bool layer_norm);

// What the reference says about a sentence.
struct Expectation {
  ReferenceResult result;
  WantedMatrix values;
};

// Judges an engine for one random model. Tolerances come from the model
// itself: the reference runs a second time with weights changed as much as
// rounding an f32 sum of that many products changes it (RandomModelScale::
// noise). The largest difference between the two runs is what honest f32
// arithmetic may do to this sentence, however much its recurrence amplifies;
// the engine gets eight times that, plus 16 * 2^-24 of the largest value for
// gates, activations and outputs, each exact to a few units; of 0.25 at least,
// since a small value may be what is left of larger ones.
class Judge {
 public:
  Judge(const ModelOptions& options, uint64_t seed,
        const RandomModelScale& scale = {});

  const TinyModel& model() const { return *model_; }
  const ModelOptions& options() const { return model_->options(); }

  Expectation Expect(const Sentence& sentence) const;

  // Empty if `result` is what `sentence` should have given, values and final
  // state; else what is worst.
  std::string Compare(const Sentence& sentence, const Result& result) const;

 private:
  std::unique_ptr<TinyModel> model_;
  std::unique_ptr<TinyModel> noisy_;
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CORE_ENGINE_ENGINE_TESTING_H_
