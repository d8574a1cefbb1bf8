#include "server/served_model.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

// Large enough to tell the cost of a step from that of a token, small enough
// for less than a second with the released models.
constexpr int kWords = 8;
constexpr int kRows = 16;

absl::StatusOr<BatchCost::Sample> RunRows(const Engine& engine, int rows,
                                          int words,
                                          Engine::Workspace* workspace) {
  const std::vector<std::string> tokens(words, "word");
  const OutputSpec output;
  const std::vector<SentenceInput> inputs(rows, {tokens, &output, nullptr});
  std::vector<SentenceOutput> outputs(rows);
  const TimePoint start = std::chrono::steady_clock::now();
  ELMO_RETURN_IF_ERROR(engine.Run(inputs, workspace, absl::MakeSpan(outputs)));
  BatchCost::Sample sample;
  sample.steps = words + 2;
  sample.tokens = rows * sample.steps;
  sample.time = std::chrono::steady_clock::now() - start;
  return sample;
}

absl::StatusOr<BatchCost> WarmUp(const Engine& engine) {
  const auto workspace = engine.CreateWorkspace();
  // The first run pays for memory that is touched for the first time.
  ELMO_RETURN_IF_ERROR(RunRows(engine, 1, 1, workspace.get()).status());
  ELMO_ASSIGN_OR_RETURN(const BatchCost::Sample one,
                        RunRows(engine, 1, kWords, workspace.get()));
  ELMO_ASSIGN_OR_RETURN(const BatchCost::Sample several,
                        RunRows(engine, kRows, kWords, workspace.get()));
  return BatchCost(one, several);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServedModel>> PrepareModel(
    ServedModel model, int workers) {
  auto prepared = std::make_shared<ServedModel>(std::move(model));
  try {
    ELMO_ASSIGN_OR_RETURN(const BatchCost cost, WarmUp(*prepared->engine));
    ELMO_ASSIGN_OR_RETURN(
        prepared->batch_model,
        BatchModel::Create(prepared->engine.get(), workers, cost));
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("warm-up: ", e.what()));
  }
  return prepared;
}

}  // namespace elmo
