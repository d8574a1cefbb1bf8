#ifndef ELMO_CORE_TEXT_CHAR_ENCODER_H_
#define ELMO_CORE_TEXT_CHAR_ENCODER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace elmo {

// What the network reads for a character: a byte of the token's UTF-8 plus 1
// (so 1 to 256), or one of these.
struct CharId {
  static constexpr uint16_t kMask = 0;  // All of a token that is not there.
  static constexpr uint16_t kSentenceBegin = 257;
  static constexpr uint16_t kSentenceEnd = 258;
  static constexpr uint16_t kWordBegin = 259;
  static constexpr uint16_t kWordEnd = 260;
  static constexpr uint16_t kPadding = 261;  // Behind kWordEnd.
  static constexpr int kCount = 262;
};

// Tokens that stand for the boundaries of a sentence, wherever they occur.
inline constexpr std::string_view kSentenceBeginToken = "<S>";
inline constexpr std::string_view kSentenceEndToken = "</S>";

// Turns tokens into character ids as bilm-tf and AllenNLP do:
//
//   word begin, the token's first M - 2 bytes, word end, padding up to M ids
//
// Bytes are taken as they are: any string has ids, the empty one too, nothing
// is folded or normalised, and a character may be cut in its middle. "<S>" and
// "</S>" alone differ: they are one id, that of the boundary.
//
// Thread-safe. Allocates nothing.
class CharEncoder {
 public:
  // M, the option max_characters_per_token; 50 in every published model.
  // INVALID_ARGUMENT below 3, which leaves no room for a character.
  static absl::StatusOr<CharEncoder> Create(int max_characters_per_token);

  int max_characters_per_token() const { return max_characters_; }

  // Fills `ids`, M of them, and returns how many stand before the padding.
  int Encode(std::string_view token, absl::Span<uint16_t> ids) const;

  // The part of `token` that decides its ids: tokens with equal keys have
  // equal ids, and the key, taken as a token, has them too. Points into
  // `token`.
  std::string_view Key(std::string_view token) const;

 private:
  explicit CharEncoder(int max_characters) : max_characters_(max_characters) {}

  int max_characters_;
};

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_CHAR_ENCODER_H_
