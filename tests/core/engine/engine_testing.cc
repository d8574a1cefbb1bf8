#include "tests/core/engine/engine_testing.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo::testing {
namespace {

ReferenceResult RunReference(const TinyModel& model, const Sentence& sentence) {
  const LstmOptions& options = model.options().lstm;
  const ReferenceElmo elmo(model.options(), model.weights());
  return elmo.Run(sentence.tokens, sentence.start
                                       ? FromLstmState(*sentence.start, options)
                                       : ZeroState(options));
}

// Cells one after the other, as in LstmState.
WantedMatrix Flatten(const Rows& rows) {
  WantedMatrix flat{{}, static_cast<int64_t>(rows[0].size())};
  for (const std::vector<double>& row : rows) {
    flat.values.insert(flat.values.end(), row.begin(), row.end());
  }
  return flat;
}

// As derived at Judge.
Tolerance RoundingTolerance(const WantedMatrix& want,
                            const WantedMatrix& noisy) {
  double difference = 0;
  double largest = 0;
  for (size_t i = 0; i < want.values.size(); ++i) {
    difference =
        std::max(difference, std::fabs(want.values[i] - noisy.values[i]));
    largest = std::max(largest, std::fabs(want.values[i]));
  }
  return {8 * difference + 16 * 0x1p-24 * std::max(largest, 0.25), 0};
}

RandomModelScale WithNoise(RandomModelScale scale) {
  scale.noise = 1;
  return scale;
}

}  // namespace

std::vector<EngineKind> AllEngineKinds() {
  std::vector<EngineKind> kinds = {{LstmPath::kPrimitive, BestKernels().isa}};
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (KernelsFor(isa)) kinds.push_back({LstmPath::kMerged, isa});
  }
  return kinds;
}

std::vector<EngineKind> EveryPrecision() {
  std::vector<EngineKind> kinds = AllEngineKinds();
  for (Precision precision : {Precision::kBf16, Precision::kInt8}) {
    if (CheckCpuFor(precision).ok()) {
      kinds.push_back({LstmPath::kMerged, BestKernels().isa, precision});
    }
  }
  return kinds;
}

std::vector<EngineKind> FastestEngineKinds() {
  const Isa isa = BestKernels().isa;
  return {{LstmPath::kPrimitive, isa}, {LstmPath::kMerged, isa}};
}

void PrintTo(const EngineKind& kind, std::ostream* out) {
  *out << (kind.path == LstmPath::kPrimitive ? "Primitive" : "Merged")
       << (kind.isa == Isa::kPortable ? "Portable"
           : kind.isa == Isa::kAvx2   ? "Avx2"
                                      : "Avx512");
  if (kind.precision == Precision::kBf16) *out << "Bf16";
  if (kind.precision == Precision::kInt8) *out << "Int8";
}

std::string KindName(const ::testing::TestParamInfo<EngineKind>& info) {
  return ::testing::PrintToString(info.param);
}

std::unique_ptr<ElmoEngine> MakeEngine(const ModelOptions& options,
                                       const ModelWeights& weights,
                                       EngineKind kind,
                                       int64_t word_cache_bytes) {
  ElmoEngineOptions engine_options;
  engine_options.lstm_path = kind.path;
  engine_options.precision = kind.precision;
  engine_options.kernels = KernelsFor(kind.isa);
  engine_options.word_cache_bytes = word_cache_bytes;
  absl::StatusOr<std::unique_ptr<ElmoEngine>> engine =
      ElmoEngine::Create(options, weights, engine_options);
  if (!engine.ok()) ADD_FAILURE() << engine.status();
  ELMO_CHECK(engine.ok());
  return *std::move(engine);
}

std::unique_ptr<ElmoEngine> MakeEngine(const TinyModel& model, EngineKind kind,
                                       int64_t word_cache_bytes) {
  return MakeEngine(model.options(), model.weights(), kind, word_cache_bytes);
}

std::vector<Result> RunTogether(const Engine& engine,
                                Engine::Workspace* workspace,
                                absl::Span<const Sentence> sentences) {
  std::vector<SentenceInput> inputs(sentences.size());
  std::vector<SentenceOutput> outputs(sentences.size());
  std::vector<Result> results(sentences.size());
  for (size_t i = 0; i < sentences.size(); ++i) {
    const Sentence& sentence = sentences[i];
    inputs[i].tokens = sentence.tokens;
    inputs[i].output = &sentence.output;
    inputs[i].start_state = sentence.start ? &*sentence.start : nullptr;
    outputs[i].final_state = &results[i].final_state;
  }
  const absl::Status status =
      engine.Run(inputs, workspace, absl::MakeSpan(outputs));
  if (!status.ok()) ADD_FAILURE() << status;
  ELMO_CHECK(status.ok());
  for (size_t i = 0; i < sentences.size(); ++i) {
    results[i].values = std::move(outputs[i].values);
  }
  return results;
}

Result RunAlone(const Engine& engine, Engine::Workspace* workspace,
                const Sentence& sentence) {
  return RunTogether(engine, workspace, absl::MakeConstSpan(&sentence, 1))[0];
}

OutputSpec AllLayers() {
  OutputSpec spec;
  spec.selection = OutputSpec::Selection::kLayers;
  spec.keep_boundaries = true;
  return spec;
}

OutputSpec OneLayer(int layer) {
  OutputSpec spec;
  spec.selection = OutputSpec::Selection::kLayers;
  spec.layers = {layer};
  return spec;
}

OutputSpec Mix(std::vector<float> weights, float gamma, bool layer_norm) {
  OutputSpec spec;
  spec.mix_weights = std::move(weights);
  spec.gamma = gamma;
  spec.layer_norm = layer_norm;
  return spec;
}

Judge::Judge(const ModelOptions& options, uint64_t seed,
             const RandomModelScale& scale)
    : model_(RandomModel(options, seed, scale)),
      noisy_(RandomModel(options, seed, WithNoise(scale))) {}

Expectation Judge::Expect(const Sentence& sentence) const {
  Expectation expectation;
  expectation.result = RunReference(*model_, sentence);
  expectation.values = ReferenceOutput(expectation.result, sentence.output);
  return expectation;
}

std::string Judge::Compare(const Sentence& sentence,
                           const Result& result) const {
  const ReferenceResult want = RunReference(*model_, sentence);
  const ReferenceResult noisy = RunReference(*noisy_, sentence);
  const auto compare = [](const char* what, const std::vector<float>& got,
                          const WantedMatrix& wanted,
                          const WantedMatrix& disturbed) {
    const std::string worst = DescribeWorst(
        absl::MakeConstSpan(got), wanted, RoundingTolerance(wanted, disturbed));
    return worst.empty() ? "" : absl::StrCat(what, ": ", worst, "\n");
  };
  return absl::StrCat(
      compare("values", result.values, ReferenceOutput(want, sentence.output),
              ReferenceOutput(noisy, sentence.output)),
      compare("final h", result.final_state.h, Flatten(want.final_state.h),
              Flatten(noisy.final_state.h)),
      compare("final c", result.final_state.c, Flatten(want.final_state.c),
              Flatten(noisy.final_state.c)));
}

}  // namespace elmo::testing
