#include "client/load/request_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::testing::SizeIs;

TEST(RequestPoolTest, InventedLengthsAreLogNormalWithTheMeanAskedFor) {
  RequestPoolOptions options;
  options.distinct = 20000;
  options.max_tokens = 100000;
  double sum = 0;
  double below_median = 0;
  const double median =
      options.mean_tokens * std::exp(-options.spread * options.spread / 2);
  std::set<std::string> words;
  for (const PooledRequest& request : InventRequests(options, {})) {
    ASSERT_EQ(request.sentences, 1);
    ASSERT_EQ(request.tokens, request.message->sentences(0).tokens_size());
    ASSERT_GE(request.tokens, 1);
    sum += request.tokens;
    below_median += request.tokens < median ? 1 : 0;
    words.insert(request.message->sentences(0).tokens(0));
  }
  // Deviation of a log-normal length: mean * sqrt(exp(s^2) - 1). Rounding to
  // whole tokens moves the mean by less than one part in a hundred.
  const double n = options.distinct;
  const double deviation =
      options.mean_tokens *
      std::sqrt(std::exp(options.spread * options.spread) - 1);
  EXPECT_NEAR(sum / n, options.mean_tokens,
              5 * deviation / std::sqrt(n) + 0.01 * options.mean_tokens);
  // The median lies between 16 and 17, so that "below" is "at most 16", as if
  // before rounding below 16.5; the density there is less than 0.05 a token.
  EXPECT_NEAR(below_median / n, 0.5, 5 * 0.5 / std::sqrt(n) + 0.05 * 0.5);
  EXPECT_GT(words.size(), 1000u);
}

TEST(RequestPoolTest, FollowsFromTheSeedAndKeepsThePrototype) {
  RequestPoolOptions options;
  options.distinct = 3;
  options.sentences_per_request = 4;
  v1::EmbedRequest prototype;
  prototype.set_model("m");
  const auto first = InventRequests(options, prototype);
  const auto second = InventRequests(options, prototype);
  ASSERT_THAT(first, SizeIs(3));
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].message->SerializeAsString(),
              second[i].message->SerializeAsString());
    EXPECT_EQ(first[i].message->model(), "m");
    EXPECT_EQ(first[i].sentences, 4);
  }
  options.seed = 2;
  EXPECT_NE(InventRequests(options, prototype)[0].message->SerializeAsString(),
            first[0].message->SerializeAsString());
}

TEST(RequestPoolTest, SpreadZeroMakesAllLengthsAlike) {
  RequestPoolOptions options;
  options.mean_tokens = 5;
  options.spread = 0;
  for (const PooledRequest& request : InventRequests(options, {})) {
    ASSERT_EQ(request.tokens, 5);
  }
}

TEST(RequestPoolTest, SentencesOfASourceFillRequestsInOrder) {
  RequestPoolOptions options;
  options.sentences_per_request = 2;
  const std::vector<v1::Sentence> sentences = {
      TextSentence("a b"), TextSentence("c"), TokenSentence({"d", "e", "f"})};
  VectorSource source(sentences);
  const auto requests = ReadRequests(options, {}, &source);
  ASSERT_THAT(requests, testing::IsOk());
  ASSERT_THAT(*requests, SizeIs(2));
  EXPECT_EQ((*requests)[0].tokens, 3);
  EXPECT_EQ((*requests)[0].message->sentences(1).text(), "c");
  EXPECT_EQ((*requests)[1].sentences, 1);
  EXPECT_EQ((*requests)[1].tokens, 3);
}

TEST(RequestPoolTest, SourceWithoutSentencesIsAnError) {
  const std::vector<v1::Sentence> none;
  VectorSource source(none);
  EXPECT_EQ(ReadRequests({}, {}, &source).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace elmo
