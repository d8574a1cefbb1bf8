// Any bytes as a token file: an error, or tokens that let in what stands in the
// file and nothing near it.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "server/security/auth_tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto set = elmo::TokenSet::Parse(text);
  if (!set.ok()) {
    ELMO_CHECK(!set.status().message().empty());
    return 0;
  }
  ELMO_CHECK(set->size() > 0);
  ELMO_CHECK(!set->Contains(""));
  // A line end in it: no token has one.
  ELMO_CHECK(!set->Contains(text + "\n"));
  // The first line that is a token.
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    if (!line.empty() && line[0] != '#' &&
        line.find_first_of(" \t\r\v\f") == std::string::npos) {
      ELMO_CHECK(set->Contains(line));
      ELMO_CHECK(!set->Contains(line + "!"));
      break;
    }
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return 0;
}
