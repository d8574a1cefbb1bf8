#include "server/float_encoding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace elmo {
namespace {

using std::string_literals::operator""s;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The value of a half-precision number, by the definition.
float FromFloat16(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 31) return sign * (mantissa != 0 ? kNan : kInfinity);
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Float16Test, EveryHalfComesBackAsItself) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FromFloat16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FromFloat16(ToFloat16(value)))) << bits;
    } else {
      EXPECT_EQ(ToFloat16(value), bits);
    }
  }
}

// Between two neighbours: below the middle the lower, above it the upper, on it
// the even one.
TEST(Float16Test, RoundsToNearestTiesToEven) {
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const float lower = FromFloat16(bits);
    const float upper = FromFloat16(bits + 1);
    const float middle = (lower + upper) / 2;  // Exact in float.
    const uint16_t even = bits % 2 == 0 ? bits : bits + 1;
    EXPECT_EQ(ToFloat16(middle), even);
    EXPECT_EQ(ToFloat16(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(ToFloat16(std::nextafter(middle, kInfinity)), bits + 1);
    EXPECT_EQ(ToFloat16(-middle), even | 0x8000);
  }
}

TEST(Float16Test, BeyondTheLargestIsInfinity) {
  EXPECT_EQ(ToFloat16(65519.996f), 0x7bff);
  EXPECT_EQ(ToFloat16(65520.0f), 0x7c00);
  EXPECT_EQ(ToFloat16(-1e30f), 0xfc00);
  EXPECT_EQ(ToFloat16(kInfinity), 0x7c00);
}

TEST(Float16Test, NanStaysNanAndZeroKeepsItsSign) {
  EXPECT_EQ(ToFloat16(kNan) & 0x7c00, 0x7c00);
  EXPECT_NE(ToFloat16(kNan) & 0x3ff, 0);
  EXPECT_EQ(ToFloat16(-0.0f), 0x8000);
  EXPECT_EQ(ToFloat16(1e-30f), 0);
}

float FromBfloat16(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

TEST(Bfloat16Test, EveryBfloat16ComesBackAsItself) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FromBfloat16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FromBfloat16(ToBfloat16(value)))) << bits;
    } else {
      EXPECT_EQ(ToBfloat16(value), bits);
    }
  }
}

TEST(Bfloat16Test, RoundsToNearestTiesToEven) {
  EXPECT_EQ(ToBfloat16(1.0f + 0x1p-8f), 0x3f80);  // Tie: down to even.
  EXPECT_EQ(ToBfloat16(1.0f + 0x3p-8f), 0x3f82);  // Tie: up to even.
  EXPECT_EQ(ToBfloat16(std::nextafter(1.0f + 0x1p-8f, 2.0f)), 0x3f81);
  EXPECT_EQ(ToBfloat16(std::nextafter(1.0f + 0x3p-8f, 1.0f)), 0x3f81);
  EXPECT_EQ(ToBfloat16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(Bfloat16Test, NanWithOnlyLowBitsStaysNan) {
  const uint32_t bits = 0x7f800001;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  EXPECT_TRUE(std::isnan(FromBfloat16(ToBfloat16(value))));
}

TEST(EncodeTest, BytesAreLittleEndianInOrder) {
  EXPECT_EQ(EncodeFloat32({1.0f, -2.0f}), "\0\0\x80\x3f\0\0\0\xc0"s);
  EXPECT_EQ(EncodeFloat16({1.0f, -2.0f}), "\0\x3c\0\xc0"s);
  EXPECT_EQ(EncodeBfloat16({1.0f, -2.0f}), "\x80\x3f\0\xc0"s);
}

TEST(EncodeTest, NothingBecomesNothing) {
  EXPECT_EQ(EncodeFloat32({}), "");
  EXPECT_EQ(EncodeFloat16({}), "");
}

}  // namespace
}  // namespace elmo
