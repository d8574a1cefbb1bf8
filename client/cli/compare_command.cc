#include <cstdio>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/comparison.h"
#include "client/cli/comparison_text.h"
#include "client/cli/progress.h"
#include "client/cli/sentence_reader.h"
#include "client/cli/text_width.h"
#include "client/embed_client.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

// A table of more cannot be read, and grows with the square.
constexpr size_t kMaxUses = 500;
// Sentences without the word that are named one by one.
constexpr int kMaxNotes = 5;
constexpr int kNoteColumns = 100;

// Hands sentences on and keeps a copy of each until its answer has come.
class KeepingSource : public SentenceSource {
 public:
  explicit KeepingSource(SentenceSource& source) : source_(source) {}

  absl::StatusOr<std::optional<v1::Sentence>> Next() override {
    ELMO_ASSIGN_OR_RETURN(auto sentence, source_.Next());
    if (sentence) kept_.push_back(*sentence);
    return sentence;
  }
  bool MustWait() override { return source_.MustWait(); }

  v1::Sentence Take() {
    v1::Sentence sentence = std::move(kept_.front());
    kept_.pop_front();
    return sentence;
  }

 private:
  SentenceSource& source_;
  std::deque<v1::Sentence> kept_;
};

// Picks the word out of the answers as they come; sentences without it are
// counted and dropped.
class UseCollector {
 public:
  explicit UseCollector(const std::string& word) { result_.word = word; }

  absl::Status Add(v1::Sentence sentence, SentenceVectors vectors) {
    ++num_sentences_;
    std::vector<SentenceVectors> one;
    one.push_back(std::move(vectors));
    std::vector<WordUse> uses = FindUses(one, result_.word);
    if (uses.empty()) {
      NoteMissing(one[0]);
      return absl::OkStatus();
    }
    for (WordUse use : uses) {
      use.sentence = static_cast<int>(result_.sentences.size());
      result_.uses.push_back(use);
    }
    result_.sentences.push_back(std::move(sentence));
    result_.numbers.push_back(num_sentences_ - 1);
    result_.vectors.push_back(std::move(one[0]));
    if (result_.uses.size() <= kMaxUses) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the word is there more than ", kMaxUses,
                     " times; take fewer sentences"));
  }

  int num_sentences() const { return num_sentences_; }
  const std::string& notes() const { return notes_; }
  int num_missing() const { return num_missing_; }
  ComparisonResult& result() { return result_; }

 private:
  void NoteMissing(const SentenceVectors& vectors) {
    if (++num_missing_ > kMaxNotes) return;
    std::string tokens;
    for (const v1::Token& token : vectors.tokens) {
      absl::StrAppend(&tokens, " ", Printable(token.text()));
    }
    absl::StrAppend(&notes_, "Sentence ", num_sentences_, " has no token \"",
                    Printable(result_.word),
                    "\". Its tokens:", KeepStart(tokens, kNoteColumns), "\n");
  }

  ComparisonResult result_;
  std::string notes_;
  int num_sentences_ = 0;
  int num_missing_ = 0;
};

absl::Status Collect(const ServerChoice& server, const CompareCommand& command,
                     EmbedClient& client, SentenceSource& sentences,
                     UseCollector* collector) {
  EmbedParams params;
  params.model = server.model;
  params.start_state = command.start_state;
  params.output.set_return_tokens(true);
  params.output.mutable_layers();
  if (command.layer) {
    params.output.mutable_layers()->add_indices(*command.layer);
  }
  KeepingSource source(sentences);
  return client.EmbedAll(source, params, [&](SentenceVectors vectors) {
    return collector->Add(source.Take(), std::move(vectors));
  });
}

absl::Status CollectInputs(const ServerChoice& server,
                           const CompareCommand& command, EmbedClient& client,
                           const Terminal& terminal, UseCollector* collector) {
  if (command.file.empty()) {
    std::vector<v1::Sentence> sentences;
    for (const std::string& text : command.sentences) {
      sentences.push_back(TextSentence(text));
    }
    VectorSource source(sentences);
    return Collect(server, command, client, source, collector);
  }
  if (terminal.stdin_is && command.file == "-") {
    std::fputs("Type sentences, one a line; Ctrl-D ends.\n", stderr);
  }
  ELMO_ASSIGN_OR_RETURN(
      const auto reader,
      SentenceReader::Open({command.file}, InputFormat::kAuto));
  return Collect(server, command, client, *reader, collector);
}

std::vector<int> LayerNumbers(const CompareCommand& command,
                              const ComparisonResult& result) {
  if (command.layer) return {*command.layer};
  std::vector<int> layers(static_cast<size_t>(result.vectors[0].layers));
  std::iota(layers.begin(), layers.end(), 0);
  return layers;
}

void PrintNotes(const UseCollector& collector) {
  std::fputs(collector.notes().c_str(), stderr);
  if (collector.num_missing() > kMaxNotes) {
    std::fprintf(stderr, "%d more sentences do not have it either.\n",
                 collector.num_missing() - kMaxNotes);
  }
}

}  // namespace

absl::Status RunCompare(const ServerChoice& server,
                        const CompareCommand& command,
                        const std::shared_ptr<EmbedConnection>& connection,
                        const Terminal& terminal) {
  EmbedClient client(connection);
  UseCollector collector(command.word);
  ELMO_RETURN_IF_ERROR(
      CollectInputs(server, command, client, terminal, &collector));
  PrintNotes(collector);
  if (collector.num_sentences() == 0) {
    return absl::FailedPreconditionError(
        "there are no sentences to compare: the input is empty");
  }
  ComparisonResult& result = collector.result();
  if (result.uses.size() < 2) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", Printable(command.word), "\" was found ",
                     result.uses.empty() ? "nowhere" : "once",
                     "; it takes two uses to compare"));
  }
  ELMO_ASSIGN_OR_RETURN(
      result.layers,
      CompareUses(result.vectors, result.uses, LayerNumbers(command, result)));
  if (command.json) return Print(ComparisonJson(result));
  TextStyle style;
  style.color = terminal.stdout_is && !terminal.no_color;
  if (terminal.stdout_is) style.columns = TerminalColumns(stdout);
  return Print(ComparisonText(result, style));
}

}  // namespace elmo::cli
