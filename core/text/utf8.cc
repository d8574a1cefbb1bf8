#include "core/text/utf8.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

namespace elmo {

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t begin = 0;
  while (begin < text.size()) {
    if (bytes[begin] < 0x80) {
      ++begin;
      continue;
    }
    // ICU counts in int32_t; a window of one sequence suits any text.
    const int32_t window = static_cast<int32_t>(
        std::min<size_t>(U8_MAX_LENGTH, text.size() - begin));
    int32_t length = 0;
    UChar32 code_point;
    U8_NEXT(bytes + begin, length, window, code_point);
    if (code_point < 0) return begin;
    begin += length;
  }
  return std::nullopt;
}

}  // namespace elmo
