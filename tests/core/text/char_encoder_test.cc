#include "core/text/char_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CharEncoder Encoder(int max_characters) {
  return *CharEncoder::Create(max_characters);
}

std::vector<int> Ids(std::string_view token, int max_characters = 50) {
  std::vector<uint16_t> ids(max_characters, 12345);
  Encoder(max_characters).Encode(token, absl::MakeSpan(ids));
  return std::vector<int>(ids.begin(), ids.end());
}

// `ids`, filled up to 50 with the padding's.
std::vector<int> Padded(std::vector<int> ids) {
  ids.resize(50, 261);
  return ids;
}

TEST(CharEncoderTest, AgreesWithTheTestVectorsOfAllenNlp) {
  EXPECT_EQ(Ids("<S>"), Padded({259, 257, 260}));
  EXPECT_EQ(Ids("</S>"), Padded({259, 258, 260}));
  EXPECT_EQ(Ids("\xC4\x80t"), Padded({259, 197, 129, 117, 260}));
  EXPECT_EQ(Ids("Second"), Padded({259, 84, 102, 100, 112, 111, 101, 260}));
  EXPECT_EQ(Ids("."), Padded({259, 47, 260}));
}

TEST(CharEncoderTest, AgreesWithTheTestVectorOfBilmTfForFiveCharacters) {
  EXPECT_THAT(Ids("thhhhh", 5), ElementsAre(259, 117, 105, 105, 260));
}

TEST(CharEncoderTest, EmptyTokenIsAWordAndNotPadding) {
  EXPECT_EQ(Ids(""), Padded({259, 260}));
}

TEST(CharEncoderTest, KeepsFortyEightBytesAndNoMore) {
  const std::string word(47, 'x');
  std::vector<int> full(50, 'x' + 1);
  full.front() = 259;
  full.back() = 260;
  EXPECT_EQ(Ids(word + "x"), full);
  EXPECT_EQ(Ids(word + "xy"), full);
  EXPECT_NE(Ids(word + "y"), full);
}

TEST(CharEncoderTest, CutsACharacterInItsMiddle) {
  // U+20AC, E2 82 AC, has its first byte at place 48.
  const std::vector<int> ids = Ids(std::string(47, 'x') + "\xE2\x82\xAC");
  EXPECT_EQ(ids[48], 0xE2 + 1);
  EXPECT_EQ(ids[49], 260);
}

TEST(CharEncoderTest, EveryByteHasAnIdOfItsOwn) {
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_THAT(Ids(std::string(1, static_cast<char>(byte)), 3),
                ElementsAre(259, byte + 1, 260));
  }
}

TEST(CharEncoderTest, OnlyTheExactBoundaryTokensAreBoundaries) {
  for (const std::string word : {"<s>", "</s>", "<S", "<S>x", " <S>", "< S>"}) {
    std::vector<int> ids = {259};
    for (const char c : word) ids.push_back(c + 1);
    ids.push_back(260);
    EXPECT_EQ(Ids(word), Padded(ids)) << word;
  }
}

TEST(CharEncoderTest, BoundariesFitTheShortestWord) {
  EXPECT_THAT(Ids("<S>", 3), ElementsAre(259, 257, 260));
  EXPECT_THAT(Ids("</S>", 3), ElementsAre(259, 258, 260));
  EXPECT_THAT(Ids("", 3), ElementsAre(259, 260, 261));
}

TEST(CharEncoderTest, ReturnsHowManyIdsStandBeforeThePadding) {
  std::vector<uint16_t> ids(50);
  const CharEncoder encoder = Encoder(50);
  EXPECT_EQ(encoder.Encode("", absl::MakeSpan(ids)), 2);
  EXPECT_EQ(encoder.Encode("abc", absl::MakeSpan(ids)), 5);
  EXPECT_EQ(encoder.Encode("</S>", absl::MakeSpan(ids)), 3);
  EXPECT_EQ(encoder.Encode(std::string(99, 'x'), absl::MakeSpan(ids)), 50);
}

TEST(CharEncoderTest, RefusesLengthsWithoutRoomForACharacter) {
  EXPECT_THAT(CharEncoder::Create(2),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("max_characters_per_token must be at least 3; "
                                 "was 2")));
  EXPECT_THAT(CharEncoder::Create(-1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(CharEncoder::Create(3), IsOk());
}

TEST(CharEncoderTest, KeyIsTheBytesThatAreKept) {
  const CharEncoder encoder = Encoder(50);
  EXPECT_EQ(encoder.Key(""), "");
  EXPECT_EQ(encoder.Key("word"), "word");
  EXPECT_EQ(encoder.Key("<S>"), "<S>");
  const std::string word(48, 'x');
  EXPECT_EQ(encoder.Key(word + "y"), word);
}

// Whatever the length, also where it cuts a word down to a boundary's name.
TEST(CharEncoderTest, KeysAreEqualOnlyWhereIdsAre) {
  const std::string kWords[] = {"",       "<",      "<S",   "<S>",   "<S>x",
                                "<S>xy",  "</S",    "</S>", "</S>x", "</Sx",
                                "</S>xy", "<S><S>", "x",    "xyzzy", "xyzzz"};
  for (int length = 3; length <= 9; ++length) {
    const CharEncoder encoder = Encoder(length);
    for (const std::string& a : kWords) {
      EXPECT_EQ(Ids(encoder.Key(a), length), Ids(a, length)) << a << length;
      for (const std::string& b : kWords) {
        if (encoder.Key(a) != encoder.Key(b)) continue;
        EXPECT_EQ(Ids(a, length), Ids(b, length)) << a << " " << b << length;
      }
    }
  }
}

}  // namespace
}  // namespace elmo
