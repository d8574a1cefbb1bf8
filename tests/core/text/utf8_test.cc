#include "core/text/utf8.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace elmo {
namespace {

TEST(Utf8Test, AcceptsTheFirstAndLastCodePointOfEachLength) {
  const std::string text(
      "\0\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
      "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
      26);
  EXPECT_EQ(FindInvalidUtf8(text), std::nullopt);
  EXPECT_EQ(FindInvalidUtf8(""), std::nullopt);
}

TEST(Utf8Test, FindsTheFirstByteOfTheFirstBadSequence) {
  const struct {
    const char* what;
    std::string bytes;
  } kBad[] = {
      {"continuation alone", "\x80"},
      {"overlong NUL", "\xC0\x80"},
      {"overlong slash, 2 bytes", "\xC1\xAF"},
      {"overlong, 3 bytes", "\xE0\x9F\xBF"},
      {"overlong, 4 bytes", "\xF0\x8F\xBF\xBF"},
      {"first surrogate", "\xED\xA0\x80"},
      {"last surrogate", "\xED\xBF\xBF"},
      {"above U+10FFFF", "\xF4\x90\x80\x80"},
      {"lead byte F5", "\xF5\x80\x80\x80"},
      {"lead byte FF", "\xFF"},
      {"cut short, 2 bytes", "\xC3"},
      {"cut short, 3 bytes", "\xE2\x82"},
      {"cut short, 4 bytes", "\xF0\x9F\x98"},
      {"lead byte before ASCII", "\xE2\x82g"},
  };
  for (const auto& bad : kBad) {
    EXPECT_EQ(FindInvalidUtf8(bad.bytes), 0u) << bad.what;
    EXPECT_EQ(FindInvalidUtf8("a\xC3\xA9" + bad.bytes), 3u) << bad.what;
    EXPECT_EQ(FindInvalidUtf8("ab" + bad.bytes + "\xFF"), 2u) << bad.what;
  }
}

}  // namespace
}  // namespace elmo
