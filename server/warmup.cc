#include "server/warmup.h"

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

absl::Status RunRows(const Engine& engine, int rows,
                     Engine::Workspace* workspace) {
  const std::vector<std::string> tokens = {"Warm", "up"};
  const OutputSpec output;
  const std::vector<SentenceInput> inputs(rows, {tokens, &output, nullptr});
  std::vector<SentenceOutput> outputs(rows);
  return engine.Run(inputs, workspace, absl::MakeSpan(outputs));
}

}  // namespace

absl::Status WarmUp(const Engine& engine, const SentenceQueue::Options& batch) {
  // Four tokens a row, boundaries included.
  const auto rows = static_cast<int>(
      std::clamp<int64_t>(batch.max_batch_tokens / 4, 1, batch.max_batch_rows));
  try {
    const auto workspace = engine.CreateWorkspace();
    ELMO_RETURN_IF_ERROR(RunRows(engine, 1, workspace.get()));
    return RunRows(engine, rows, workspace.get());
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("warm-up: ", e.what()));
  }
}

}  // namespace elmo
