#include "core/tool/warm_up.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/engine/elmo_engine.h"
#include "core/model/file_io.h"
#include "core/model/sha256.h"
#include "core/text/tokenizer.h"

namespace elmo {
namespace {

// After some ten sentences the state changes little; this is for those who give
// a whole book.
constexpr uint64_t kMaxTextBytes = 1 << 20;
// Memory grows with the tokens of a sentence.
constexpr size_t kMaxSentenceTokens = 1000;

using Sentence = std::vector<std::string>;

absl::StatusOr<std::vector<Sentence>> SplitText(const std::string& path,
                                                const std::string& text) {
  ELMO_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Create());
  std::vector<Sentence> sentences;
  int line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    const auto tokens =
        tokenizer->Tokenize(std::string_view(line.data(), line.size()));
    if (!tokens.ok()) {
      return absl::Status(tokens.status().code(),
                          absl::StrCat(path, ", line ", line_number, ": ",
                                       tokens.status().message()));
    }
    if (tokens->size() > kMaxSentenceTokens) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ", line ", line_number, ": has ", tokens->size(),
          " tokens; limit is ", kMaxSentenceTokens, " (one sentence a line)"));
    }
    if (tokens->empty()) continue;
    Sentence& sentence = sentences.emplace_back();
    for (const Token& token : *tokens) sentence.push_back(token.text);
  }
  if (sentences.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": has no words"));
  }
  return sentences;
}

// The state after all sentences, one after the other.
absl::StatusOr<LstmState> RunThrough(const Engine& engine,
                                     const std::vector<Sentence>& sentences) {
  const std::unique_ptr<Engine::Workspace> workspace = engine.CreateWorkspace();
  OutputSpec output;  // The vectors are not wanted: as few as there can be.
  output.pooling = Pooling::kMean;
  LstmState state = LstmState::Zero(engine.options().lstm);
  for (const Sentence& sentence : sentences) {
    LstmState next;
    const SentenceInput input = {sentence, &output, &state};
    SentenceOutput result;
    result.final_state = &next;
    ELMO_RETURN_IF_ERROR(engine.Run(absl::MakeConstSpan(&input, 1),
                                    workspace.get(),
                                    absl::MakeSpan(&result, 1)));
    state = std::move(next);
  }
  return state;
}

}  // namespace

absl::StatusOr<WarmUpResult> WarmUp(const ModelOptions& options,
                                    const ModelWeights& weights,
                                    const std::string& text_path) {
  ELMO_ASSIGN_OR_RETURN(const std::string text,
                        ReadSmallFile(text_path, kMaxTextBytes));
  ELMO_ASSIGN_OR_RETURN(const std::vector<Sentence> sentences,
                        SplitText(text_path, text));
  ELMO_ASSIGN_OR_RETURN(const auto engine,
                        ElmoEngine::Create(options, weights, {}));
  WarmUpResult result;
  ELMO_ASSIGN_OR_RETURN(result.state, RunThrough(*engine, sentences));
  size_t num_tokens = 0;
  for (const Sentence& sentence : sentences) num_tokens += sentence.size();
  result.description =
      absl::StrCat(sentences.size(), " sentences, ", num_tokens,
                   " tokens, SHA-256 of the text ", Sha256Hex(text));
  return result;
}

}  // namespace elmo
