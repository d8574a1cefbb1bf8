#ifndef ELMO_CORE_TEXT_WORD_SCANNER_H_
#define ELMO_CORE_TEXT_WORD_SCANNER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/text/break_iterators.h"
#include "core/text/text_units.h"
#include "core/text/token.h"

namespace elmo {

// One pass over one text: Tokenizer's work for one call. Single thread only.
// Keeps references to all it is given.
class WordScanner {
 public:
  // `own` as for SplitIntoUnits().
  WordScanner(std::string_view text, const TextUnits& units,
              const BreakIterators& shared,
              std::unique_ptr<BreakIterators>* own)
      : text_(text), units_(units), shared_(shared), own_(*own) {}

  std::vector<Token> Run();

 private:
  // Each appends the tokens that start at unit `i` and returns where to go on.
  size_t ScanWord(size_t i);
  size_t ScanUnspaced(size_t i);
  size_t ScanApostrophe(size_t i);
  size_t ScanOther(size_t i);

  const TextUnit& At(size_t i) const { return units_.units[i]; }
  bool StartsWord(size_t i) const;
  // Where the word [first, end) ends with the marks behind it that are its own.
  size_t ExtendWord(size_t first, size_t end) const;
  // Appends a word, its contractions as tokens of their own.
  void EmitWord(size_t first, size_t end);
  // Appends units [first, end) as one token.
  void Emit(size_t first, size_t end);

  const std::string_view text_;
  const TextUnits& units_;
  const BreakIterators& shared_;
  std::unique_ptr<BreakIterators>& own_;
  std::vector<Token> tokens_;
  std::vector<uint32_t> ends_;
  std::vector<size_t> cuts_;
  int open_single_quotes_ = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_WORD_SCANNER_H_
