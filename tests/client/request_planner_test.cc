#include "client/request_planner.h"

#include <gtest/gtest.h>

#include <string>

#include "client/sentence_source.h"
#include "tests/client/fake_model.h"

namespace elmo {
namespace {

constexpr int64_t kNoWish = 1'000'000;

// Sentences like `sentence` that fit into one request.
int Fitting(RequestPlanner planner, const v1::Sentence& sentence) {
  int count = 0;
  while (count < 1000 && planner.Add(sentence)) ++count;
  return count;
}

int Fitting(const v1::Model& model, const v1::EmbedRequest& request,
            const v1::Sentence& sentence) {
  return Fitting(RequestPlanner(model, request, kNoWish), sentence);
}

TEST(EstimateTokensTest, CountsTokensAsTheyAre) {
  EXPECT_EQ(EstimateTokens(TokenSentence({"a b", "", "c"})), 3);
  EXPECT_EQ(EstimateTokens(v1::Sentence()), 0);
}

TEST(EstimateTokensTest, CountsWordsAndPunctuationOfText) {
  EXPECT_EQ(EstimateTokens(TextSentence("")), 0);
  EXPECT_EQ(EstimateTokens(TextSentence("  \t ")), 0);
  EXPECT_EQ(EstimateTokens(TextSentence("He sat on the bank.")), 6);
  EXPECT_EQ(EstimateTokens(TextSentence("don't")), 3);
  EXPECT_EQ(EstimateTokens(TextSentence("!!!")), 3);
}

TEST(EstimateTokensTest, CountsEachCharacterOutsideAscii) {
  EXPECT_EQ(EstimateTokens(TextSentence("我喜欢")), 3);
  EXPECT_EQ(EstimateTokens(TextSentence("né")), 2);
}

TEST(RequestPlannerTest, SentencesBind) {
  EXPECT_EQ(Fitting(testing::FakeModel(), {}, TokenSentence({"a"})), 8);
}

TEST(RequestPlannerTest, TokensBind) {
  const v1::Sentence ten = TextSentence("a b c d e f g h i j");
  EXPECT_EQ(Fitting(testing::FakeModel(), {}, ten), 6);
  EXPECT_EQ(Fitting(RequestPlanner(testing::FakeModel(), {}, 25), ten), 2);
}

TEST(RequestPlannerTest, BytesOfTheRequestBind) {
  // 8 of them would be more than 10,000 bytes.
  EXPECT_EQ(Fitting(testing::FakeModel(), {},
                    TokenSentence({std::string(2400, 'x')})),
            4);
}

TEST(RequestPlannerTest, BytesOfTheAnswerBindAndDependOnTheOutput) {
  v1::Model model = testing::FakeModel();
  model.mutable_limits()->set_response_bytes(480);
  const v1::Sentence ten = TextSentence("a b c d e f g h i j");
  v1::EmbedRequest request;
  EXPECT_EQ(Fitting(model, request, ten), 3);  // 160 bytes each.
  request.mutable_output()->mutable_layers();
  EXPECT_EQ(Fitting(model, request, ten), 1);  // Three layers.
  request.mutable_output()->set_encoding(v1::BFLOAT16);
  EXPECT_EQ(Fitting(model, request, ten), 2);
  request.mutable_output()->set_pooling(v1::OutputSpec::MAX);
  EXPECT_EQ(Fitting(model, request, ten), 6);  // The tokens bind again.
}

TEST(RequestPlannerTest, BoundariesCountAsRows) {
  v1::EmbedRequest request;
  request.mutable_output()->set_keep_boundaries(true);
  const v1::Sentence ten = TextSentence("a b c d e f g h i j");
  EXPECT_EQ(Fitting(testing::FakeModel(), request, ten), 5);
}

TEST(RequestPlannerTest, LimitsThatTheServerDoesNotStateDoNotBind) {
  EXPECT_EQ(Fitting(v1::Model(), {}, TokenSentence({"a"})), 1000);
}

TEST(RequestPlannerTest, OversizedSentenceGoesAlone) {
  RequestPlanner planner(testing::FakeModel(), {}, kNoWish);
  const v1::Sentence long_one = TextSentence(std::string(5000, '!'));
  EXPECT_TRUE(planner.Add(long_one));
  EXPECT_FALSE(planner.Add(TokenSentence({"a"})));
  planner.Reset();
  EXPECT_TRUE(planner.Add(TokenSentence({"a"})));
  EXPECT_FALSE(planner.Add(long_one));
}

}  // namespace
}  // namespace elmo
