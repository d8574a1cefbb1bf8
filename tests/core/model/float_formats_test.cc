#include "core/model/float_formats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace elmo {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The value of a half by its definition.
double HalfByDefinition(int half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double sign = half & 0x8000 ? -1 : 1;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

bool IsFiniteHalf(int half) { return (half & 0x7c00) != 0x7c00; }

TEST(FloatFormatsTest, EveryHalfWidensToItsValueAndBack) {
  for (int half = 0; half < 65536; ++half) {
    if (!IsFiniteHalf(half)) continue;
    const float value = HalfToFloat(static_cast<uint16_t>(half));
    ASSERT_EQ(value, HalfByDefinition(half)) << half;
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0) << half;
    ASSERT_EQ(FloatToHalf(value), half);
  }
}

TEST(FloatFormatsTest, HalvesRoundToNearestTiesToEven) {
  for (int half = 0; half < 0x7bff; ++half) {
    const double low = HalfByDefinition(half);
    const double high = HalfByDefinition(half + 1);
    const float middle = static_cast<float>((low + high) / 2);
    ASSERT_EQ(FloatToHalf(middle), half % 2 == 0 ? half : half + 1) << half;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 0.0f)), half);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, kInfinity)), half + 1);
  }
}

TEST(FloatFormatsTest, WhatIsTooLargeForAHalfBecomesInfinite) {
  EXPECT_EQ(HalfToFloat(FloatToHalf(65519.0f)), 65504.0f);
  EXPECT_EQ(HalfToFloat(FloatToHalf(65520.0f)), kInfinity);
  EXPECT_EQ(HalfToFloat(FloatToHalf(-1e30f)), -kInfinity);
  EXPECT_EQ(HalfToFloat(FloatToHalf(kInfinity)), kInfinity);
  EXPECT_EQ(FloatToHalf(1e-30f), 0);
}

TEST(FloatFormatsTest, BFloat16IsTheUpperHalfRounded) {
  for (int bits = 0; bits < 65536; ++bits) {
    const float value = BFloat16ToFloat(static_cast<uint16_t>(bits));
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(FloatToBFloat16(value), bits);
  }
  EXPECT_EQ(FloatToBFloat16(1.00390625f), 0x3f80);  // A tie: to even, down.
  EXPECT_EQ(FloatToBFloat16(1.01171875f), 0x3f82);  // A tie: to even, up.
  EXPECT_EQ(FloatToBFloat16(1.004f), 0x3f81);
  EXPECT_EQ(BFloat16ToFloat(FloatToBFloat16(3.4e38f)), kInfinity);
}

TEST(FloatFormatsTest, NotANumberStaysOne) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(nan))));
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(FloatToBFloat16(nan))));
  // A NaN whose payload is all in the lower half.
  const uint32_t bits = 0x7f800001;
  float low;
  std::memcpy(&low, &bits, sizeof low);
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(FloatToBFloat16(low))));
}

TEST(FloatFormatsTest, FindsTheFirstValueThatIsNotFinite) {
  std::vector<float> values(100, std::numeric_limits<float>::max());
  EXPECT_EQ(FindNonFinite(values.data(), values.size()), 100u);
  values[99] = kInfinity;
  EXPECT_EQ(FindNonFinite(values.data(), values.size()), 99u);
  EXPECT_EQ(FindNonFinite(values.data(), 99), 99u);
  values[17] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(FindNonFinite(values.data(), values.size()), 17u);
  EXPECT_EQ(FindNonFinite(values.data(), 0), 0u);
}

}  // namespace
}  // namespace elmo
