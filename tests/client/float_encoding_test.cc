#include "client/float_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace elmo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FloatEncodingTest, HalfsOfEveryKindKeepTheirValue) {
  EXPECT_EQ(FromFloat16(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(FromFloat16(0x8000)));
  EXPECT_EQ(FromFloat16(0x3c00), 1.0f);
  EXPECT_EQ(FromFloat16(0xc000), -2.0f);
  EXPECT_EQ(FromFloat16(0x3555), 0.333251953125f);
  EXPECT_EQ(FromFloat16(0x7bff), 65504.0f);              // The largest.
  EXPECT_EQ(FromFloat16(0x0400), std::ldexp(1.f, -14));  // Smallest normal.
  EXPECT_EQ(FromFloat16(0x03ff), std::ldexp(1023.f, -24));
  EXPECT_EQ(FromFloat16(0x8001), -std::ldexp(1.f, -24));
  EXPECT_EQ(FromFloat16(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(FromFloat16(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(FromFloat16(0x7e00)));
}

// Every finite half against its definition, sign * 2^(e-15) * 1.f.
TEST(FloatEncodingTest, EveryHalfAgreesWithTheFormula) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 0x1f);
    if (exponent == 0x1f) continue;
    const double fraction = (bits & 0x3ff) / 1024.0;
    const double magnitude = exponent == 0
                                 ? std::ldexp(fraction, -14)
                                 : std::ldexp(1 + fraction, exponent - 15);
    const double expected = bits & 0x8000 ? -magnitude : magnitude;
    ASSERT_EQ(FromFloat16(static_cast<uint16_t>(bits)), expected) << bits;
  }
}

TEST(FloatEncodingTest, Bfloat16IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(FromBfloat16(0x3f80), 1.0f);
  EXPECT_EQ(FromBfloat16(0xc040), -3.0f);
  EXPECT_EQ(FromBfloat16(0x3eab), 0.333984375f);
  EXPECT_EQ(FromBfloat16(0x7f80), std::numeric_limits<float>::infinity());
}

TEST(FloatEncodingTest, BytesAreLittleEndian) {
  using namespace std::string_view_literals;
  EXPECT_THAT(FloatsFromFloat32("\x00\x00\x80\x3f\x00\x00\x40\xc0"sv),
              ElementsAre(1.0f, -3.0f));
  EXPECT_THAT(FloatsFromFloat16("\x00\x3c\x00\xc0"sv),
              ElementsAre(1.0f, -2.0f));
  EXPECT_THAT(FloatsFromBfloat16("\x80\x3f\x40\xc0"sv),
              ElementsAre(1.0f, -3.0f));
  EXPECT_THAT(FloatsFromFloat32(""), IsEmpty());
}

}  // namespace
}  // namespace elmo
