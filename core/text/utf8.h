#ifndef ELMO_CORE_TEXT_UTF8_H_
#define ELMO_CORE_TEXT_UTF8_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace elmo {

// Where `text` stops being UTF-8: the offset of the first byte of the first
// sequence that is not, or nothing if all of it is. Strict: no surrogates, no
// overlong forms, nothing above U+10FFFF, no sequence cut short. Thread-safe.
std::optional<size_t> FindInvalidUtf8(std::string_view text);

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_UTF8_H_
