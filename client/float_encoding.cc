#include "client/float_encoding.h"

#include <cmath>
#include <cstring>

#include "core/base/check.h"

namespace elmo {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "answers are little-endian, and copied as they are");

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename Convert>
std::vector<float> FromSixteenBits(std::string_view data, Convert convert) {
  ELMO_CHECK(data.size() % sizeof(uint16_t) == 0);
  std::vector<float> values(data.size() / sizeof(uint16_t));
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, data.data() + i * sizeof(bits), sizeof(bits));
    values[i] = convert(bits);
  }
  return values;
}

}  // namespace

float FromFloat16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // Zero or subnormal: fraction * 2^-24, exactly.
    const float value = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -value : value;
  }
  if (exponent == 0x1f) return FromBits(sign | 0x7f800000u | fraction << 13);
  return FromBits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

float FromBfloat16(uint16_t bits) {
  return FromBits(static_cast<uint32_t>(bits) << 16);
}

std::vector<float> FloatsFromFloat32(std::string_view data) {
  ELMO_CHECK(data.size() % sizeof(float) == 0);
  std::vector<float> values(data.size() / sizeof(float));
  if (!data.empty()) std::memcpy(values.data(), data.data(), data.size());
  return values;
}

std::vector<float> FloatsFromFloat16(std::string_view data) {
  return FromSixteenBits(data, FromFloat16);
}

std::vector<float> FloatsFromBfloat16(std::string_view data) {
  return FromSixteenBits(data, FromBfloat16);
}

}  // namespace elmo
