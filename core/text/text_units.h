#ifndef ELMO_CORE_TEXT_TEXT_UNITS_H_
#define ELMO_CORE_TEXT_TEXT_UNITS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/text/break_iterators.h"

namespace elmo {

// What a character can be to the tokeniser.
enum class UnitKind : uint8_t {
  kSeparator,   // White space, controls, invisible marks: in no token.
  kLetter,      // Letters, marks on their own, numbers that are no digits.
  kDigit,       // Decimal digits of any script.
  kUnspaced,    // Letters of scripts that do not put blanks between words.
  kApostrophe,  // ' and its typographic forms.
  kHyphen,      // - and its typographic forms, not dashes.
  kUnderscore,  // _ and what else connects words.
  kSoftHyphen,  // Shown only where a line is broken.
  kOther,       // Punctuation, symbols, emoji.
};

// One visible character (a grapheme cluster): bytes from `begin` to the next
// unit's.
struct TextUnit {
  uint32_t begin = 0;
  char32_t code_point = 0;  // Its first.
  UnitKind kind = UnitKind::kSeparator;
};

// Letters and digits.
inline bool IsAlnum(const TextUnit& unit) {
  return unit.kind == UnitKind::kLetter || unit.kind == UnitKind::kDigit;
}

// A text cut into units. Three separators stand behind the last one, where
// offset `text.size()` begins, so that a rule may look ahead.
struct TextUnits {
  static constexpr size_t kSentinels = 3;

  std::vector<TextUnit> units;
  // Some unit is written otherwise in a token (RewriteUnit()).
  bool has_rewrites = false;

  size_t size() const { return units.size() - kSentinels; }
};

// Cuts `text`, valid UTF-8 of less than 2^31 bytes, into units. `shared` is
// cloned where the text needs it, into `*own`, which may be null on entry.
TextUnits SplitIntoUnits(std::string_view text, const BreakIterators& shared,
                         std::unique_ptr<BreakIterators>* own);

// How a token writes `code_point`, or null: as it is. Typographic quotes,
// dashes and ellipses become the ASCII forms that ELMo's training text has.
const char* RewriteUnit(char32_t code_point);

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_TEXT_UNITS_H_
