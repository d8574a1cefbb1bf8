#include "client/cli/text_width.h"

#include <gtest/gtest.h>

#include <string>

namespace elmo::cli {
namespace {

TEST(TextWidthTest, KnowsWellFormedUtf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("bank \u00e9 \u6cb3 \U0001F600"));
  EXPECT_TRUE(IsUtf8(std::string("a\0b", 3)));
  EXPECT_FALSE(IsUtf8("\xff"));
  EXPECT_FALSE(IsUtf8("\xc3"));          // Cut short.
  EXPECT_FALSE(IsUtf8("\xc0\xaf"));      // Overlong.
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));  // A surrogate.
}

TEST(TextWidthTest, AsciiTakesOneColumnEach) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("bank"), 4);
}

TEST(TextWidthTest, EastAsianWideCharactersTakeTwo) {
  EXPECT_EQ(DisplayWidth("河岸"), 4);
  EXPECT_EQ(DisplayWidth("はし"), 4);
  EXPECT_EQ(DisplayWidth("은행"), 4);
  EXPECT_EQ(DisplayWidth("ｂ"), 2);  // Fullwidth b.
  EXPECT_EQ(DisplayWidth("ﾊｼ"), 2);  // Halfwidth katakana.
}

TEST(TextWidthTest, CombiningMarksTakeNone) {
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth("\u0928\u093f"), 1 + 0 + 1 - 1);
  EXPECT_EQ(DisplayWidth("a\u200b"), 1);  // Zero-width space.
}

TEST(TextWidthTest, EmojiTakeTwoHoweverManyCodePoints) {
  EXPECT_EQ(DisplayWidth("😀"), 2);
  EXPECT_EQ(DisplayWidth("👩‍👩‍👧"), 2);  // Joined.
  EXPECT_EQ(DisplayWidth("🇫🇷"), 2);                  // Two regional indicators.
  EXPECT_EQ(DisplayWidth("❤️"), 2);              // Heart with emoji style.
}

TEST(TextWidthTest, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb\tc\n"), "a [31mb c ");
  EXPECT_EQ(Printable("\u0085x"), " x");  // C1: next line.
  EXPECT_EQ(Printable("a\xffz"), "a\uFFFDz");
  EXPECT_EQ(Printable("河岸 é"), "河岸 é");
}

TEST(TextWidthTest, CutsFallBetweenCharacters) {
  EXPECT_EQ(KeepStart("bank", 4), "bank");
  EXPECT_EQ(KeepStart("banks", 4), "ban…");
  EXPECT_EQ(KeepEnd("banks", 4), "…nks");
  EXPECT_EQ(KeepStart("河岸河岸", 4), "河…");  // 3 of 4 columns.
  EXPECT_EQ(KeepEnd("河岸河岸", 5), "…河岸");
  EXPECT_EQ(KeepStart("e\u0301e\u0301e\u0301", 2), "e\u0301…");
  EXPECT_EQ(KeepStart("bank", 0), "");
  EXPECT_EQ(KeepEnd("bank", 0), "");
}

TEST(TextWidthTest, PaddingCountsColumnsNotBytes) {
  EXPECT_EQ(PadLeft("河", 4), "  河");
  EXPECT_EQ(PadRight("é", 3), "é  ");
  EXPECT_EQ(PadLeft("banks", 4), "banks");
}

TEST(TextWidthTest, CaseIsIgnoredInEveryScript) {
  EXPECT_TRUE(EqualsIgnoringCase("Bank", "bANK"));
  EXPECT_TRUE(EqualsIgnoringCase("БАНК", "банк"));
  EXPECT_TRUE(EqualsIgnoringCase("STRASSE", "straße"));
  EXPECT_FALSE(EqualsIgnoringCase("bank", "banks"));
}

}  // namespace
}  // namespace elmo::cli
