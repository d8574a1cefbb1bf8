#ifndef ELMO_CORE_TEXT_ENGLISH_H_
#define ELMO_CORE_TEXT_ENGLISH_H_

#include <string_view>

namespace elmo {

// What the tokeniser knows about English words. Every `word` is given in lower
// case ASCII, its apostrophes as '. Thread-safe.

// 's, 'm, 'd, 'll, 're, 've, 'em: split from the word before. `letters` are
// those behind the apostrophe.
bool IsContractionSuffix(std::string_view letters);

// Whether an apostrophe before these letters stands for something left out and
// is no quotation mark: 'em, 'cause, 'til, 'tis.
bool IsElidedAtStart(std::string_view letters);

// The same behind them: o', ol', goin'.
bool IsElidedAtEnd(std::string_view letters);

// How many characters of `word` the first of its parts has that Penn separates:
// 't|is, d'|ye. 0: it is one part.
int LeadingContraction(std::string_view word);

enum class Abbreviation {
  kNone,
  kTitle,         // Its period never ends a sentence: Mr. Dr. St.
  kAny,           // It may: etc. Inc. Jan.
  kBeforeNumber,  // One only before a number: No. Art.
};

// Whether `word`, given without its period, is an abbreviation. Some are so
// only when `capitalised`: "Jan." and "jan.", but not "sat." or "no.".
Abbreviation FindAbbreviation(std::string_view word, bool capitalised);

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_ENGLISH_H_
