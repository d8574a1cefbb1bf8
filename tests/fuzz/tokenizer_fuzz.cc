// Any bytes: refused where they are not UTF-8, else tokens whose ranges are in
// order, not empty, inside the text and on code point boundaries.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/check.h"
#include "core/text/char_encoder.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace {

void CheckTokens(std::string_view text,
                 const std::vector<elmo::Token>& tokens) {
  const elmo::CharEncoder encoder = *elmo::CharEncoder::Create(50);
  std::vector<uint16_t> ids(50);
  size_t last_end = 0;
  for (const elmo::Token& token : tokens) {
    ELMO_CHECK(last_end <= token.begin && token.begin < token.end &&
               token.end <= text.size() && !token.text.empty());
    ELMO_CHECK((text[token.begin] & 0xC0) != 0x80);
    ELMO_CHECK(!elmo::FindInvalidUtf8(token.text));
    last_end = token.end;
    ELMO_CHECK(encoder.Encode(token.text, absl::MakeSpan(ids)) <= 50);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const elmo::Tokenizer* tokenizer =
      elmo::Tokenizer::Create()->release();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tokens = tokenizer->Tokenize(text);
  ELMO_CHECK(tokens.ok() == !elmo::FindInvalidUtf8(text).has_value());
  if (tokens.ok()) CheckTokens(text, *tokens);
  return 0;
}
