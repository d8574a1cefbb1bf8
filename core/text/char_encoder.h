#ifndef ELMO_CORE_TEXT_CHAR_ENCODER_H_
#define ELMO_CORE_TEXT_CHAR_ENCODER_H_
#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
namespace elmo {
inline constexpr std::string_view kBeginSentence = "<S>";
inline constexpr std::string_view kEndSentence = "</S>";
std::string_view TokenKey(std::string_view token, int max_characters);
void EncodeToken(std::string_view token, absl::Span<uint16_t> ids);
}  // namespace elmo
#endif
