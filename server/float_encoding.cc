#include "server/float_encoding.h"

#include <cstring>

#include "absl/base/config.h"

namespace elmo {
namespace {

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// `bits` without its lowest `shift` (1 to 31) bits, rounded to nearest even. A
// carry out of the mantissa makes the exponent one larger, as it should.
uint32_t RoundAway(uint32_t bits, int shift) {
  const uint32_t half = uint32_t{1} << (shift - 1);
  const uint32_t odd = (bits >> shift) & 1;
  return (bits + half - 1 + odd) >> shift;
}

void Append16(uint16_t bits, char** out) {
  *(*out)++ = static_cast<char>(bits & 0xff);
  *(*out)++ = static_cast<char>(bits >> 8);
}

template <typename Convert>
std::string Encode16(absl::Span<const float> values, Convert convert) {
  std::string encoded(2 * values.size(), '\0');
  char* out = encoded.data();
  for (const float value : values) Append16(convert(value), &out);
  return encoded;
}

}  // namespace

uint16_t ToFloat16(float value) {
  const uint32_t bits = Bits(value);
  const uint16_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  constexpr uint32_t kInfinity = 0x7f800000;
  constexpr uint32_t kOverflow = 0x477ff000;        // 65520: rounds to 2^16.
  constexpr uint32_t kSmallestNormal = 0x38800000;  // 2^-14
  constexpr uint32_t kUnderflow = 0x33000000;       // 2^-25: half the smallest.
  if (magnitude > kInfinity) return sign | 0x7e00;
  if (magnitude >= kOverflow) return sign | 0x7c00;
  if (magnitude >= kSmallestNormal) {
    // Rebias the exponent from 127 to 15, keep 10 bits of mantissa.
    return sign | RoundAway(magnitude - (uint32_t{127 - 15} << 23), 13);
  }
  if (magnitude <= kUnderflow) return sign;
  // Subnormal: a multiple of 2^-24.
  const uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
  const int shift = 126 - static_cast<int>(magnitude >> 23);
  return sign | RoundAway(mantissa, shift);
}

uint16_t ToBfloat16(float value) {
  const uint32_t bits = Bits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) {
    return static_cast<uint16_t>((bits >> 16) | 0x40);  // A quiet NaN.
  }
  return static_cast<uint16_t>(RoundAway(bits, 16));
}

std::string EncodeFloat32(absl::Span<const float> values) {
  std::string encoded(4 * values.size(), '\0');
#ifdef ABSL_IS_LITTLE_ENDIAN
  if (!values.empty()) {
    std::memcpy(encoded.data(), values.data(), encoded.size());
  }
#else
  char* out = encoded.data();
  for (const float value : values) {
    Append16(Bits(value) & 0xffff, &out);
    Append16(Bits(value) >> 16, &out);
  }
#endif
  return encoded;
}

std::string EncodeFloat16(absl::Span<const float> values) {
  return Encode16(values, ToFloat16);
}

std::string EncodeBfloat16(absl::Span<const float> values) {
  return Encode16(values, ToBfloat16);
}

}  // namespace elmo
