#include "core/model/float_formats.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace elmo {
namespace {

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

constexpr uint32_t kExponentMask = 0x7f800000;

}  // namespace

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t rest = static_cast<uint32_t>(half & 0x7fff) << 13;
  const uint32_t exponent = rest & 0x0f800000;
  if (exponent == 0x0f800000) return FromBits(sign | kExponentMask | rest);
  if (exponent == 0) {  // Zero or subnormal: the value is rest * 2^-24 / 2^13.
    return FromBits(sign | Bits(static_cast<float>(half & 0x7fff) * 0x1p-24f));
  }
  return FromBits(sign | (rest + ((127 - 15) << 23)));
}

uint16_t FloatToHalf(float value) {
  const uint32_t bits = Bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  uint32_t rest = bits & 0x7fffffff;
  if (rest > kExponentMask) return static_cast<uint16_t>(sign | 0x7e00);
  if (rest >= Bits(65520.0f)) return static_cast<uint16_t>(sign | 0x7c00);
  if (rest < Bits(0x1p-14f)) {
    // Subnormal: adding 0.5 leaves multiples of 2^-24 in the last places and
    // lets the addition do the rounding.
    const float shifted = FromBits(rest) + 0.5f;
    return static_cast<uint16_t>(sign | (Bits(shifted) - Bits(0.5f)));
  }
  rest -= (127 - 15) << 23;
  rest += 0xfff + ((rest >> 13) & 1);
  return static_cast<uint16_t>(sign | (rest >> 13));
}

float BFloat16ToFloat(uint16_t bits) {
  return FromBits(static_cast<uint32_t>(bits) << 16);
}

uint16_t FloatToBFloat16(float value) {
  const uint32_t bits = Bits(value);
  if ((bits & 0x7fffffff) > kExponentMask) {
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  }
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

size_t FindNonFinite(const float* values, size_t size) {
  // First without a way out, which the compiler can vectorise.
  uint32_t bad = 0;
  for (size_t i = 0; i < size; ++i) {
    bad |= (Bits(values[i]) & kExponentMask) == kExponentMask;
  }
  if (bad == 0) return size;
  return std::find_if(values, values + size,
                      [](float v) { return !std::isfinite(v); }) -
         values;
}

}  // namespace elmo
