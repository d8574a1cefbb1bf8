#include "core/text/english.h"

#include <gtest/gtest.h>

namespace elmo {
namespace {

// One from every corner of the sorted table: a table out of order loses some.
TEST(EnglishTest, FindsAbbreviationsFromFirstToLast) {
  for (const char* word :
       {"adm", "apr", "capt", "dr",  "etc", "gen",  "jan", "lt",
        "mr",  "mrs", "ms",   "mt",  "oct", "prof", "rev", "sen",
        "sgt", "st",  "vs",   "wyo", "yd",  "yds",  "yr",  "yrs"}) {
    EXPECT_NE(FindAbbreviation(word, /*capitalised=*/true), Abbreviation::kNone)
        << word;
  }
  for (const char* word : {"", "a", "left", "mrx", "zz"}) {
    EXPECT_EQ(FindAbbreviation(word, /*capitalised=*/true), Abbreviation::kNone)
        << word;
  }
}

TEST(EnglishTest, WordsThatAreAlsoAbbreviationsNeedACapital) {
  EXPECT_EQ(FindAbbreviation("sat", true), Abbreviation::kAny);
  EXPECT_EQ(FindAbbreviation("sat", false), Abbreviation::kNone);
  EXPECT_EQ(FindAbbreviation("gen", true), Abbreviation::kTitle);
  EXPECT_EQ(FindAbbreviation("gen", false), Abbreviation::kNone);
  EXPECT_EQ(FindAbbreviation("mr", false), Abbreviation::kTitle);
}

TEST(EnglishTest, LeadingContractionsAreWholeWords) {
  EXPECT_EQ(LeadingContraction("'tis"), 2);
  EXPECT_EQ(LeadingContraction("'twould"), 2);
  EXPECT_EQ(LeadingContraction("d'ye"), 2);
  EXPECT_EQ(LeadingContraction("'tiss"), 0);
  EXPECT_EQ(LeadingContraction("d'yer"), 0);
  EXPECT_EQ(LeadingContraction(""), 0);
}

TEST(EnglishTest, DroppedLettersAreToldFromQuotedWords) {
  EXPECT_TRUE(IsElidedAtEnd("o"));
  EXPECT_TRUE(IsElidedAtEnd("goin"));
  EXPECT_FALSE(IsElidedAtEnd("kin"));
  EXPECT_FALSE(IsElidedAtEnd("dogs"));
  EXPECT_FALSE(IsElidedAtEnd(""));
  EXPECT_TRUE(IsElidedAtStart("em"));
  EXPECT_FALSE(IsElidedAtStart("embers"));
}

}  // namespace
}  // namespace elmo
