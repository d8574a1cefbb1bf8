#ifndef ELMO_CORE_TEXT_TOKENIZER_H_
#define ELMO_CORE_TEXT_TOKENIZER_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/break_iterators.h"
#include "core/text/token.h"

namespace elmo {

// Splits text into words as the text was split that ELMo models were trained
// on: Moses and Penn Treebank conventions for English, Unicode's for the rest.
// docs/tokenisation.md has the rules. Case is kept; nothing is normalised but
// typographic quotes, dashes and ellipses, which a token writes in ASCII.
//
// Tokens come in the order of the text and do not overlap; none is empty or
// ends inside a visible character. Between them lie only white space, controls,
// invisible marks and soft hyphens.
//
// Thread-safe. Takes time and memory proportional to the text.
class Tokenizer {
 public:
  // INTERNAL if ICU's data is missing.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create();

  // INVALID_ARGUMENT, with the offset of the first bad byte, if `text` is not
  // UTF-8, or if it has 2^31 bytes or more. Without words: no tokens.
  absl::StatusOr<std::vector<Token>> Tokenize(std::string_view text) const;

 private:
  explicit Tokenizer(std::unique_ptr<BreakIterators> breaks);

  const std::unique_ptr<BreakIterators> breaks_;  // Only ever cloned.
};

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_TOKENIZER_H_
