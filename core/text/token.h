#ifndef ELMO_CORE_TEXT_TOKEN_H_
#define ELMO_CORE_TEXT_TOKEN_H_

#include <cstddef>
#include <string>

namespace elmo {

// A word of a text and where it stands there: bytes [begin, end) of the text's
// UTF-8. `text` may differ from those bytes where the tokeniser rewrites.
struct Token {
  std::string text;
  size_t begin = 0;
  size_t end = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_TOKEN_H_
