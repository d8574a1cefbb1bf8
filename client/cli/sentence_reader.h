#ifndef ELMO_CLIENT_CLI_SENTENCE_READER_H_
#define ELMO_CLIENT_CLI_SENTENCE_READER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/line_reader.h"
#include "client/sentence_source.h"

namespace elmo::cli {

enum class InputFormat {
  kAuto,    // kJsonl for names that end in .jsonl or .ndjson, else kText.
  kText,    // A sentence a line. An empty line is an empty sentence.
  kTokens,  // The same, split at blanks and tabs and not by the server.
  kJsonl,   // A JSON value a line: "text", ["tokens", ...], or an object with
            // `text` or `tokens` and perhaps an `id`. Empty lines are skipped.
};

// One sentence of an input; the error says what is wrong with the line.
// Nothing for a line that holds no sentence. `id` is set to the JSON of its id.
absl::StatusOr<std::optional<v1::Sentence>> ParseLine(const std::string& line,
                                                      InputFormat format,
                                                      std::string* id);

// What is known of a sentence besides its words.
struct SentenceOrigin {
  std::string id;     // JSON; empty where the input gave none.
  std::string place;  // "FILE:LINE"
  int64_t end_bytes;  // Of all inputs, up to its end.
};

// The sentences of several inputs, one after another. For one thread.
class SentenceReader : public SentenceSource {
 public:
  // `paths`: "-" is standard input. Checks that all can be opened, so that a
  // wrong name is told before hours of work and not after.
  static absl::StatusOr<std::unique_ptr<SentenceReader>> Open(
      const std::vector<std::string>& paths, InputFormat format);

  // FAILED_PRECONDITION "FILE:LINE: ..." for a line that is not UTF-8 or not of
  // the format.
  absl::StatusOr<std::optional<v1::Sentence>> Next() override;
  bool MustWait() override;

  // The origin of the sentence that was read first and not yet taken. Call it
  // once per sentence delivered.
  SentenceOrigin TakeOrigin();
  // "FILE:LINE" of sentence `index` of all, which was read and not yet taken;
  // else empty.
  std::string PlaceOf(int64_t index) const;

  // Of all inputs together; 0 where one of them has no size.
  int64_t total_bytes() const { return total_bytes_; }

 private:
  SentenceReader(const std::vector<std::string>& paths, InputFormat format);
  absl::Status MeasureInputs();
  // Opens the next input; false where there is none.
  absl::StatusOr<bool> OpenNext();

  const std::vector<std::string> paths_;
  const InputFormat format_;
  int64_t total_bytes_ = 0;

  size_t next_path_ = 0;
  InputFormat current_format_ = InputFormat::kText;
  std::unique_ptr<LineReader> lines_;  // Null between inputs.
  int64_t bytes_before_ = 0;           // Of the inputs that are done.
  std::deque<SentenceOrigin> origins_;
  int64_t num_taken_ = 0;
};

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_SENTENCE_READER_H_
