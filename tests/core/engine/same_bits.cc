#include "tests/core/engine/same_bits.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace elmo::testing {
namespace {

OutputSpec RandomOutput(TestRandom* random, const ModelOptions& options) {
  OutputSpec spec;
  if (random->OneIn(2)) {
    spec = AllLayers();
    if (random->OneIn(2)) {
      spec.layers = {
          static_cast<int>(random->Below(options.num_output_layers()))};
    }
  } else {
    spec.layer_norm = random->OneIn(2);
    spec.gamma = random->Uniform(2);
  }
  spec.keep_boundaries = random->OneIn(2);
  spec.normalize = random->OneIn(3);
  if (random->OneIn(3)) spec.pooling = Pooling::kMean;
  return spec;
}

void Shuffle(TestRandom* random, std::vector<size_t>* items) {
  for (size_t i = items->size(); i > 1; --i) {
    std::swap((*items)[i - 1], (*items)[random->Below(i)]);
  }
}

}  // namespace

SameBitsChecker::SameBitsChecker(const Engine& engine,
                                 std::vector<Sentence> pool)
    : engine_(engine), pool_(std::move(pool)) {
  for (const Sentence& sentence : pool_) {
    const auto workspace = engine_.CreateWorkspace();
    alone_.push_back(RunAlone(engine_, workspace.get(), sentence));
  }
}

std::string SameBitsChecker::Check(const std::vector<size_t>& chosen,
                                   Engine::Workspace* workspace) const {
  std::vector<Sentence> sentences;
  for (size_t i : chosen) sentences.push_back(pool_[i]);
  const std::vector<Result> results =
      RunTogether(engine_, workspace, sentences);
  for (size_t row = 0; row < chosen.size(); ++row) {
    const Result& want = alone_[chosen[row]];
    const std::string difference = absl::StrCat(
        DescribeDifference(results[row].values, want.values),
        DescribeDifference(results[row].final_state.h, want.final_state.h),
        DescribeDifference(results[row].final_state.c, want.final_state.c));
    if (difference.empty()) continue;
    return absl::StrCat("sentence ", chosen[row], " (",
                        sentences[row].tokens.size(), " tokens) at row ", row,
                        " of ", chosen.size(), ": ", difference);
  }
  return "";
}

std::string SameBitsChecker::CheckEverySize(
    uint64_t seed, Engine::Workspace* workspace) const {
  TestRandom random(seed);
  std::vector<size_t> all(pool_.size());
  std::iota(all.begin(), all.end(), 0);
  for (size_t size = 1; size <= pool_.size(); ++size) {
    Shuffle(&random, &all);
    const std::string difference =
        Check({all.begin(), all.begin() + size}, workspace);
    if (!difference.empty()) return difference;
  }
  return "";
}

std::vector<Sentence> MixedPool(const ModelOptions& options, uint64_t seed,
                                int64_t count, int64_t low, int64_t high) {
  TestRandom random(seed);
  std::vector<Sentence> pool(count);
  for (Sentence& sentence : pool) {
    sentence.tokens = RandomSentence(&random, random.Between(low, high));
    sentence.output = RandomOutput(&random, options);
    if (random.OneIn(3)) {
      sentence.start = RandomState(options.lstm, random.Below(1000));
    }
  }
  return pool;
}

}  // namespace elmo::testing
