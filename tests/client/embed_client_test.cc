#include "client/embed_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_model.h"
#include "tests/testing/mock_connection.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::AnswerAtOnce;
using ::elmo::testing::FakeAnswer;
using ::elmo::testing::FakeModel;
using ::elmo::testing::IsOk;
using ::elmo::testing::MockConnection;
using ::elmo::testing::StatusIs;
using ::testing::AllOf;
using ::testing::AtMost;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::SizeIs;

using Request = std::shared_ptr<const v1::EmbedRequest>;

std::vector<v1::Sentence> Numbered(int count) {
  std::vector<v1::Sentence> sentences;
  for (int i = 0; i < count; ++i) {
    sentences.push_back(TextSentence(absl::StrCat("s", i)));
  }
  return sentences;
}

EmbedParams WithTokens() {
  EmbedParams params;
  params.output.set_return_tokens(true);
  return params;
}

std::vector<std::string> FirstTokens(
    const std::vector<SentenceVectors>& results) {
  std::vector<std::string> tokens;
  for (const SentenceVectors& result : results) {
    tokens.push_back(result.tokens.at(0).text());
  }
  return tokens;
}

MATCHER_P(CountsFromZeroTo, count, "s0, s1, ... in order") {
  bool ordered = static_cast<int>(arg.size()) == count;
  for (size_t i = 0; ordered && i < arg.size(); ++i) {
    ordered = arg[i] == absl::StrCat("s", i);
  }
  return ordered;
}

class EmbedClientTest : public ::testing::Test {
 protected:
  EmbedClientTest()
      : connection_(std::make_shared<NiceMock<MockConnection>>()) {
    ON_CALL(*connection_, GetModel).WillByDefault(Return(FakeModel()));
    ON_CALL(*connection_, AsyncEmbed)
        .WillByDefault([this](const CallOptions& options,
                              const Request& request,
                              const EmbedConnection::EmbedCallback& done) {
          sent_.push_back(request->sentences_size());
          return AnswerAtOnce(FakeAnswer)(options, request, done);
        });
  }

  std::shared_ptr<NiceMock<MockConnection>> connection_;
  std::vector<int> sent_;  // Sentences of each request.
};

TEST_F(EmbedClientTest, OneSentenceIsOneCallAndNoQuestion) {
  EXPECT_CALL(*connection_, GetModel).Times(0);
  EmbedClient client(connection_);
  const auto result = client.Embed({TextSentence("It works")}, WithTokens());
  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(*result, SizeIs(1));
  EXPECT_THAT((*result)[0].values, ElementsAre(1, 0, 2, 'I', 1, 1, 5, 'w'));
  EXPECT_THAT(sent_, ElementsAre(1));
}

TEST_F(EmbedClientTest, NoSentencesAreNoCall) {
  EmbedClient client(connection_);
  const auto result = client.Embed({}, {});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(*result, IsEmpty());
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(EmbedClientTest, ParamsAndDeadlineReachTheServer) {
  v1::EmbedRequest seen;
  CallOptions seen_options;
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillOnce([&](const CallOptions& options, const Request& request,
                    const EmbedConnection::EmbedCallback& done) {
        seen = *request;
        seen_options = options;
        return AnswerAtOnce(FakeAnswer)(options, request, done);
      });
  EmbedParams params;
  params.model = "tiny";
  params.output.mutable_layers()->add_indices(2);
  params.start_state = v1::ZERO;
  params.timeout = std::chrono::milliseconds(1234);
  EmbedClient client(connection_);
  ASSERT_THAT(client.Embed({TokenSentence({"a", ""})}, params), IsOk());
  EXPECT_EQ(seen.model(), "tiny");
  EXPECT_EQ(seen.start_state(), v1::ZERO);
  EXPECT_THAT(seen.output().layers().indices(), ElementsAre(2));
  EXPECT_THAT(seen.sentences(0).tokens(), ElementsAre("a", ""));
  EXPECT_EQ(seen_options.timeout, std::chrono::milliseconds(1234));
}

TEST_F(EmbedClientTest, ManySentencesAreSplitByTheServersLimits) {
  EmbedClient client(connection_);
  const auto result = client.Embed(Numbered(100), WithTokens());
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(FirstTokens(*result), CountsFromZeroTo(100));
  EXPECT_THAT(sent_, AllOf(SizeIs(13), Each(Le(8))));
}

TEST_F(EmbedClientTest, LimitsAreReadOncePerModel) {
  EXPECT_CALL(*connection_, GetModel).Times(2);
  EmbedClient client(connection_);
  EmbedParams tiny;
  tiny.model = "tiny";
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(client.Embed(Numbered(2), {}), IsOk());
    EXPECT_THAT(client.Embed(Numbered(2), tiny), IsOk());
  }
}

TEST_F(EmbedClientTest, FailedQuestionForLimitsIsTheResultAndIsAskedAgain) {
  EXPECT_CALL(*connection_, GetModel)
      .WillOnce(Return(absl::UnavailableError("starting")))
      .WillOnce(Return(FakeModel()));
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed(Numbered(2), {}),
              StatusIs(absl::StatusCode::kUnavailable, "starting"));
  EXPECT_THAT(client.Embed(Numbered(2), {}), IsOk());
}

// The server accepts less than it said when it was asked.
TEST_F(EmbedClientTest, RefusedRequestGoesAgainInHalves) {
  v1::Model generous = FakeModel();
  generous.mutable_limits()->set_sentences_per_request(20);
  EXPECT_CALL(*connection_, GetModel).WillOnce(Return(generous));
  EmbedClient client(connection_);
  const auto result = client.Embed(Numbered(20), WithTokens());
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(FirstTokens(*result), CountsFromZeroTo(20));
  EXPECT_THAT(sent_, ElementsAre(20, 10, 10, 5, 5, 5, 5));
}

TEST_F(EmbedClientTest, TooLargeAnswerIsAskedForInHalves) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([](const v1::EmbedRequest& request)
                                       -> absl::StatusOr<v1::EmbedResponse> {
        if (request.sentences_size() > 3) {
          return absl::ResourceExhaustedError("Received message too large");
        }
        return FakeAnswer(request);
      }));
  EmbedClient client(connection_);
  const auto result = client.Embed(Numbered(30), WithTokens());
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(FirstTokens(*result), CountsFromZeroTo(30));
}

TEST_F(EmbedClientTest, SentenceThatGrpcRefusesForItsSizeIsNamed) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([](const v1::EmbedRequest& request)
                                       -> absl::StatusOr<v1::EmbedResponse> {
        for (const v1::Sentence& sentence : request.sentences()) {
          if (sentence.text() != "s13") continue;
          return absl::ResourceExhaustedError("Received message too large");
        }
        return FakeAnswer(request);
      }));
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed(Numbered(30), {}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "sentences[13]: Received message too large"));
}

TEST_F(EmbedClientTest, SingleSentenceThatIsTooLargeIsAnError) {
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed({TextSentence(std::string(200, '!') + " b")}, {}),
              IsOk());
  std::vector<v1::Sentence> sentences = Numbered(40);
  sentences[21] = TokenSentence(std::vector<std::string>(65, "x"));
  EXPECT_THAT(client.Embed(sentences, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "sentences[21] tokens is 65; the limit is 64"));
}

TEST_F(EmbedClientTest, ErrorThatNoSplitCanMendEndsSoon) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .Times(AtMost(12))
      .WillRepeatedly(AnswerAtOnce([](const v1::EmbedRequest&) {
        return absl::InvalidArgumentError("output.layers.indices[0] is 9");
      }));
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed(Numbered(1000), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "output.layers.indices[0] is 9"));
}

TEST_F(EmbedClientTest, OtherErrorsAreNotTriedAgain) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .Times(AtMost(4))
      .WillRepeatedly(AnswerAtOnce([](const v1::EmbedRequest&) {
        return absl::UnavailableError("queue full");
      }));
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed(Numbered(100), {}),
              StatusIs(absl::StatusCode::kUnavailable, "queue full"));
}

TEST_F(EmbedClientTest, AnswerForAnotherNumberOfSentencesIsAnError) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([](const v1::EmbedRequest& request) {
        v1::EmbedResponse response = *FakeAnswer(request);
        response.mutable_embeddings()->RemoveLast();
        return response;
      }));
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed(Numbered(1), {}),
              StatusIs(absl::StatusCode::kInternal,
                       HasSubstr("0 embeddings for 1 sentences")));
}

TEST_F(EmbedClientTest, MalformedAnswerNamesTheSentence) {
  EXPECT_CALL(*connection_, AsyncEmbed)
      .WillRepeatedly(AnswerAtOnce([](const v1::EmbedRequest& request) {
        v1::EmbedResponse response = *FakeAnswer(request);
        if (request.sentences(1).text() == "s9") {
          response.mutable_embeddings(1)->mutable_data()->pop_back();
        }
        return response;
      }));
  EmbedClient client(connection_);
  EXPECT_THAT(client.Embed(Numbered(16), {}),
              StatusIs(absl::StatusCode::kInternal,
                       HasSubstr("embeddings[9]: shape [1, 4] needs 16")));
}

}  // namespace
}  // namespace elmo
