#ifndef ELMO_CORE_TEXT_WORD_RULES_H_
#define ELMO_CORE_TEXT_WORD_RULES_H_

#include <cstddef>
#include <string>

#include "core/text/text_units.h"

namespace elmo {

// Where words start and end, and which periods belong to them, as functions of
// the text alone. Positions are indices of units. Thread-safe.

// Whether a new word or an opening quotation mark may stand at `i`: at the
// start, after a separator, an opening bracket or quotation mark, or a dash.
bool IsAtOpening(const TextUnits& text, size_t i);

// Where the word that starts at `first` ends, without a period, hyphen or
// apostrophe at its end. Inside it keeps together what both Moses and Penn do:
// half-hearted, o'clock, example.com, 1,234.56, 10:30, 9/11, AT&T, U.S.-based.
size_t FindWordEnd(const TextUnits& text, size_t first);

// Whether the period at `end` belongs to the word [first, end): initials,
// acronyms and abbreviations, as far as what follows lets them be some.
bool KeepsPeriod(const TextUnits& text, size_t first, size_t end);

// Units [first, end) in lower case, apostrophes as '. Of a longer word, or of
// one with anything but ASCII, the empty string.
std::string LowerAscii(const TextUnits& text, size_t first, size_t end);

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_WORD_RULES_H_
