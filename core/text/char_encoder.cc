#include "core/text/char_encoder.h"

#include <algorithm>
namespace elmo {
std::string_view TokenKey(std::string_view token, int max_characters) {
  return token.substr(0, max_characters - 2);
}
void EncodeToken(std::string_view token, absl::Span<uint16_t> ids) {
  std::fill(ids.begin(), ids.end(), 261);
  size_t n = 0;
  ids[n++] = 259;
  if (token == kBeginSentence)
    ids[n++] = 257;
  else if (token == kEndSentence)
    ids[n++] = 258;
  else
    for (unsigned char b : TokenKey(token, ids.size())) ids[n++] = b + 1;
  ids[n] = 260;
}
}  // namespace elmo
