#include "client/cli/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/cli/comparison_text.h"
#include "client/cli/text_width.h"
#include "client/sentence_source.h"
#include "tests/testing/status_matchers.h"

namespace elmo::cli {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::testing::_;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

SentenceVectors WithTokens(const std::vector<std::string>& tokens) {
  SentenceVectors vectors;
  vectors.rows = static_cast<int64_t>(tokens.size());
  for (const std::string& token : tokens) {
    vectors.tokens.emplace_back().set_text(token);
  }
  return vectors;
}

std::vector<std::pair<int, int>> Places(const std::vector<WordUse>& uses) {
  std::vector<std::pair<int, int>> places;
  for (const WordUse& use : uses) places.emplace_back(use.sentence, use.token);
  return places;
}

TEST(FindUsesTest, FindsEveryUseInEverySentence) {
  EXPECT_THAT(
      Places(FindUses({WithTokens({"bank", "a", "bank"}), WithTokens({"a"}),
                       WithTokens({}), WithTokens({"the", "bank"})},
                      "bank")),
      ElementsAre(Pair(0, 0), Pair(0, 2), Pair(3, 1)));
}

TEST(FindUsesTest, OtherCaseCountsWhereTheExactWordIsMissing) {
  EXPECT_THAT(Places(FindUses(
                  {WithTokens({"Bank", "bank"}), WithTokens({"Bank", "BANK"})},
                  "bank")),
              ElementsAre(Pair(0, 1), Pair(1, 0), Pair(1, 1)));
}

TEST(FindUsesTest, PartOfATokenIsNotAUse) {
  EXPECT_THAT(FindUses({WithTokens({"banks", "riverbank"})}, "bank"),
              IsEmpty());
}

TEST(CosineTest, AgreesWithHandComputedValues) {
  const float a[] = {3, 4};
  const float b[] = {4, 3};
  const float c[] = {-3, -4};
  const float d[] = {-4, 3};
  const float zero[] = {0, 0};
  EXPECT_DOUBLE_EQ(Cosine(a, a, 2), 1);
  EXPECT_DOUBLE_EQ(Cosine(a, b, 2), 24.0 / 25);
  EXPECT_DOUBLE_EQ(Cosine(a, c, 2), -1);
  EXPECT_DOUBLE_EQ(Cosine(a, d, 2), 0);
  EXPECT_DOUBLE_EQ(Cosine(a, zero, 2), 0);
}

// Three sentences "x WORD", two layers of width 2. Layer 0: the word is always
// {1, 0}. Layer 1: at 0, 60 and 90 degrees.
ComparisonResult ThreeUses() {
  ComparisonResult result;
  result.word = "bank";
  const float degrees[] = {0, 60, 90};
  for (int i = 0; i < 3; ++i) {
    result.sentences.push_back(TextSentence("river bank"));
    result.numbers.push_back(10 * i);
    SentenceVectors vectors = WithTokens({"river", "bank"});
    vectors.tokens[1].set_begin(6);
    vectors.tokens[1].set_end(10);
    vectors.layers = 2;
    vectors.dim = 2;
    const float angle = degrees[i] * static_cast<float>(M_PI) / 180;
    vectors.values = {
        9, 9, 1, 0, 9, 9, 2 * std::cos(angle), 2 * std::sin(angle)};
    result.vectors.push_back(vectors);
  }
  result.uses = FindUses(result.vectors, "bank");
  result.layers = CompareUses(result.vectors, result.uses, {0, 1}).value();
  return result;
}

TEST(CompareUsesTest, CosinesAreThoseOfTheWordsOwnVectors) {
  const auto layers = ThreeUses().layers;
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[1].layer, 1);
  EXPECT_THAT(layers[1].cosine[0],
              ElementsAre(DoubleNear(1, 1e-6), DoubleNear(0.5, 1e-6),
                          DoubleNear(0, 1e-6)));
  EXPECT_THAT(layers[1].cosine[1],
              ElementsAre(DoubleNear(0.5, 1e-6), DoubleNear(1, 1e-6),
                          DoubleNear(std::sqrt(0.75), 1e-6)));
}

TEST(CompareUsesTest, NearestIsTheOtherUseWithTheLargestCosine) {
  const auto layers = ThreeUses().layers;
  EXPECT_THAT(layers[0].nearest, ElementsAre(kAllAlike, kAllAlike, kAllAlike));
  EXPECT_THAT(layers[1].nearest, ElementsAre(1, 2, 1));
  EXPECT_THAT(MutualPairs(layers[0]), IsEmpty());
  EXPECT_THAT(MutualPairs(layers[1]), ElementsAre(Pair(1, 2)));
}

TEST(CompareUsesTest, AnswersOfDifferentShapesAreRefused) {
  ComparisonResult result = ThreeUses();
  result.vectors[1].dim = 1;
  EXPECT_THAT(CompareUses(result.vectors, result.uses, {0, 1}),
              StatusIs(absl::StatusCode::kInternal, _));
  EXPECT_THAT(CompareUses(ThreeUses().vectors, result.uses, {0}),
              StatusIs(absl::StatusCode::kInternal, _));
}

TEST(ComparisonTextTest, ShowsUsesTablesAndNearest) {
  EXPECT_EQ(ComparisonText(ThreeUses(), {}),
            R"("bank": 3 uses in 3 sentences

   1  river [bank]
   2  river [bank]
   3  river [bank]

Layer 0 (the word without its context)
          1      2      3
   1  1.000  1.000  1.000
   2  1.000  1.000  1.000
   3  1.000  1.000  1.000

Layer 1
          1      2      3
   1  1.000  0.500  0.000
   2  0.500  1.000  0.866
   3  0.000  0.866  1.000

Nearest use
           layer 0       layer 1
   1     all alike     2 (0.500)
   2     all alike     3 (0.866)
   3     all alike     2 (0.866)

Found alike in layer 1, each the other's nearest
  2 and 3 (0.866)
   2  river [bank]
   3  river [bank]
)");
}

TEST(ComparisonTextTest, TerminalShowsTheWordInBold) {
  TextStyle style;
  style.color = true;
  EXPECT_THAT(ComparisonText(ThreeUses(), style),
              HasSubstr("1  river \x1b[1mbank\x1b[0m\n"));
}

TEST(ComparisonTextTest, LongSentenceIsCutAroundTheWord) {
  ComparisonResult result = ThreeUses();
  std::string text(300, 'a');
  text += " 河岸 bank 河岸 ";
  text += std::string(300, 'z');
  result.sentences[0] = TextSentence(text);
  result.vectors[0].tokens[1].set_begin(308);
  result.vectors[0].tokens[1].set_end(312);
  TextStyle style;
  style.columns = 40;
  const std::string shown = ComparisonText(result, style);
  const size_t begin = shown.find("   1  ");
  const std::string line = shown.substr(begin, shown.find('\n', begin) - begin);
  EXPECT_THAT(line, HasSubstr("aa 河岸 [bank] 河岸 zz"));
  EXPECT_LE(DisplayWidth(line), 40);
  EXPECT_GE(DisplayWidth(line), 38);
}

TEST(ComparisonTextTest, WithoutOffsetsTheTokensAreShown) {
  ComparisonResult result = ThreeUses();
  result.sentences[0] = TokenSentence({"river", "bank"});
  result.vectors[0].tokens[1].clear_begin();
  result.sentences[1] = TextSentence("short");  // Offsets beyond the text.
  const std::string shown = ComparisonText(result, {});
  EXPECT_THAT(shown, HasSubstr("1  river [bank]\n"));
  EXPECT_THAT(shown, HasSubstr("2  river [bank]\n"));
}

TEST(ComparisonTextTest, EscapesCannotReachTheTerminal) {
  ComparisonResult result = ThreeUses();
  result.sentences[0] = TextSentence("\x1b[2Jr bank");
  result.vectors[0].tokens[1].set_begin(6);
  EXPECT_THAT(ComparisonText(result, {}), HasSubstr("1   [2Jr [bank]\n"));
}

TEST(ComparisonTextTest, WideTableComesInBlocks) {
  TextStyle style;
  style.columns = 21;  // Room for two columns.
  EXPECT_THAT(ComparisonText(ThreeUses(), style), HasSubstr(R"(Layer 1
          1      2
   1  1.000  0.500
   2  0.500  1.000
   3  0.000  0.866
          3
   1  0.000
   2  0.866
   3  1.000
)"));
}

TEST(ComparisonJsonTest, HoldsUsesCosinesAndNearest) {
  const auto json = nlohmann::json::parse(ComparisonJson(ThreeUses()));
  EXPECT_EQ(json["word"], "bank");
  EXPECT_EQ(json["uses"][2]["sentence"], 20);
  EXPECT_EQ(json["uses"][2]["token_index"], 1);
  EXPECT_EQ(json["layers"][1]["layer"], 1);
  EXPECT_NEAR(json["layers"][1]["cosine"][0][1].get<double>(), 0.5, 1e-6);
  EXPECT_EQ(json["layers"][0]["nearest"][0], nullptr);
  EXPECT_EQ(json["layers"][1]["nearest"][0], 1);
}

}  // namespace
}  // namespace elmo::cli
