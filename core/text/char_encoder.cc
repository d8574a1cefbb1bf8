#include "core/text/char_encoder.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {
namespace {

constexpr int kWordMarks = 2;  // Begin and end.

bool IsBoundary(std::string_view token) {
  return token == kSentenceBeginToken || token == kSentenceEndToken;
}

}  // namespace

absl::StatusOr<CharEncoder> CharEncoder::Create(int max_characters_per_token) {
  if (max_characters_per_token < kWordMarks + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_characters_per_token must be at least ",
                     kWordMarks + 1, "; was ", max_characters_per_token));
  }
  return CharEncoder(max_characters_per_token);
}

int CharEncoder::Encode(std::string_view token,
                        absl::Span<uint16_t> ids) const {
  ELMO_CHECK(ids.size() == static_cast<size_t>(max_characters_));
  auto out = ids.begin();
  *out++ = CharId::kWordBegin;
  if (token == kSentenceBeginToken) {
    *out++ = CharId::kSentenceBegin;
  } else if (token == kSentenceEndToken) {
    *out++ = CharId::kSentenceEnd;
  } else {
    for (const char c : token.substr(0, max_characters_ - kWordMarks)) {
      *out++ = static_cast<uint16_t>(static_cast<unsigned char>(c) + 1);
    }
  }
  *out++ = CharId::kWordEnd;
  std::fill(out, ids.end(), CharId::kPadding);
  return static_cast<int>(out - ids.begin());
}

std::string_view CharEncoder::Key(std::string_view token) const {
  if (IsBoundary(token)) return token;
  const std::string_view kept = token.substr(0, max_characters_ - kWordMarks);
  // Cut down to a boundary's name it is still a word: one byte more says so.
  if (IsBoundary(kept)) return token.substr(0, kept.size() + 1);
  return kept;
}

}  // namespace elmo
