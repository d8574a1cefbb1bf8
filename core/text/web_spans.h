#ifndef ELMO_CORE_TEXT_WEB_SPANS_H_
#define ELMO_CORE_TEXT_WEB_SPANS_H_

#include <cstddef>

#include "core/text/text_units.h"

namespace elmo {

// Addresses and the like that stay one token. `word` is the first unit of a
// word, `end` where the word stops by the ordinary rules. Each returns where
// the longer token ends, or 0: there is none. Thread-safe.
//
// Time: the length of what is returned or looked at once, so that scanning a
// text stays linear.

// http://host/path, www.host/path, host.tld/path. Punctuation at the end is
// left out, and a bracket that closes one opened before.
size_t FindUrlEnd(const TextUnits& text, size_t word, size_t end);

// someone@host.tld, some.one+tag@host.tld
size_t FindEmailEnd(const TextUnits& text, size_t word, size_t end);

// @handle or #tag that starts at `sign`. A tag has at least one letter.
size_t FindTagEnd(const TextUnits& text, size_t sign);

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_WEB_SPANS_H_
