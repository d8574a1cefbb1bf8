#include "server/request_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/testing/status_matchers.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

// INVALID_ARGUMENT whose message has all of these parts.
template <typename... Parts>
auto InvalidWith(const Parts&... parts) {
  return StatusIs(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr(parts)...));
}

class RequestValidatorTest : public ::testing::Test {
 protected:
  RequestValidatorTest() : tokenizer_(*Tokenizer::Create()) {}

  absl::StatusOr<EmbedPlan> Validate(const v1::EmbedRequest& request) {
    ModelRegistry models;
    EXPECT_THAT(models.Replace({model_}), IsOk());
    return RequestValidator(limits_, &models, tokenizer_.get())
        .Validate(request, in_stream_);
  }

  FakeEngine* engine_ = nullptr;  // Owned by model_->
  std::shared_ptr<ServedModel> model_ =
      std::make_shared<ServedModel>(FakeModel(&engine_));
  bool in_stream_ = false;
  const std::unique_ptr<Tokenizer> tokenizer_;
  RequestLimits limits_;
};

v1::EmbedRequest TextRequest(const std::string& text) {
  v1::EmbedRequest request;
  request.add_sentences()->set_text(text);
  return request;
}

TEST_F(RequestValidatorTest, DefaultIsTheAverageOfLayersPerToken) {
  const auto plan = Validate(RequestOf({"a"}));
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->model, model_);
  EXPECT_EQ(plan->start_state, nullptr);
  EXPECT_EQ(plan->output.selection, OutputSpec::Selection::kMix);
  EXPECT_THAT(plan->output.mix_weights, IsEmpty());
  EXPECT_EQ(plan->output.gamma, 1);
  EXPECT_EQ(plan->output.pooling, Pooling::kNone);
  EXPECT_EQ(plan->encoding, Encoding::kFloat32);
  EXPECT_FALSE(plan->output.normalize || plan->output.keep_boundaries ||
               plan->output.layer_norm || plan->return_tokens);
  EXPECT_EQ(plan->response_bytes, 8 * 4);
}

TEST_F(RequestValidatorTest, TokensAreUsedAsTheyAre) {
  const auto plan = Validate(RequestOf({"don't", "", " a b ", "<S>"}));
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->sentences[0].tokens,
              ElementsAre("don't", "", " a b ", "<S>"));
  EXPECT_THAT(plan->sentences[0].ranges, IsEmpty());
}

TEST_F(RequestValidatorTest, TextIsSplitWithOffsetsIntoIt) {
  const auto plan = Validate(TextRequest("Caf\xc3\xa9 now"));
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->sentences[0].tokens, ElementsAre("Caf\xc3\xa9", "now"));
  EXPECT_THAT(plan->sentences[0].ranges, ElementsAre(Pair(0, 5), Pair(6, 9)));
}

TEST_F(RequestValidatorTest, EmptySentenceIsFine) {
  const auto plan = Validate(TextRequest(""));
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->sentences[0].tokens, IsEmpty());
}

TEST_F(RequestValidatorTest, EmptyRequestIsAnError) {
  EXPECT_THAT(Validate({}), InvalidWith("sentences", "0", "at least 1"));
}

TEST_F(RequestValidatorTest, ModelIsFoundByItsNameOrByNone) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.set_model("fake");
  EXPECT_THAT(Validate(request), IsOk());
  request.set_model("secret-name");
  EXPECT_THAT(Validate(request),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("model"), HasSubstr("\"fake\""),
                             Not(HasSubstr("secret")))));
}

TEST_F(RequestValidatorTest, TextAndTokensTogetherAreAnError) {
  v1::EmbedRequest request = RequestOf({"a"});
  v1::Sentence* both = request.add_sentences();
  both->set_text("secret words");
  both->add_tokens("secret");
  EXPECT_THAT(Validate(request),
              AllOf(InvalidWith("sentences[1]", "text", "tokens"),
                    Not(InvalidWith("secret"))));
}

TEST_F(RequestValidatorTest, SentencesAreLimited) {
  limits_.max_sentences_per_request = 3;
  v1::EmbedRequest request;
  for (int i = 0; i < 3; ++i) {
    request.add_sentences();
    EXPECT_THAT(Validate(request), IsOk());
  }
  request.add_sentences();
  EXPECT_THAT(Validate(request), InvalidWith("sentences has 4", "limit is 3"));
}

TEST_F(RequestValidatorTest, TokensPerSentenceAreLimited) {
  limits_.max_tokens_per_sentence = 3;
  EXPECT_THAT(Validate(RequestOf({"a", "b"})), IsOk());
  EXPECT_THAT(Validate(RequestOf({"a", "b", "c"})), IsOk());
  EXPECT_THAT(Validate(RequestOf({"a", "b", "c", "d"})),
              InvalidWith("sentences[0].tokens has 4", "limit is 3"));
}

TEST_F(RequestValidatorTest, TokensOfATextAreLimitedAfterSplitting) {
  limits_.max_tokens_per_sentence = 3;
  EXPECT_THAT(Validate(TextRequest("a b")), IsOk());
  EXPECT_THAT(Validate(TextRequest("a b c")), IsOk());
  EXPECT_THAT(Validate(TextRequest("a b c d")),
              InvalidWith("sentences[0].text has 4 tokens", "limit is 3"));
}

TEST_F(RequestValidatorTest, TokensPerRequestAreLimited) {
  limits_.max_tokens_per_request = 4;
  v1::EmbedRequest request = RequestOf({"a", "b"});
  request.add_sentences()->set_text("c");
  EXPECT_THAT(Validate(request), IsOk());
  request.mutable_sentences(1)->set_text("c d");
  EXPECT_THAT(Validate(request), IsOk());
  request.mutable_sentences(1)->set_text("c d e");
  EXPECT_THAT(Validate(request),
              InvalidWith("sentences", "5 tokens", "limit", "4"));
}

TEST_F(RequestValidatorTest, BytesOfATextAreLimited) {
  limits_.max_bytes_per_sentence = 5;
  EXPECT_THAT(Validate(TextRequest("abcd")), IsOk());
  EXPECT_THAT(Validate(TextRequest("abcde")), IsOk());
  EXPECT_THAT(Validate(TextRequest("abcdef")),
              InvalidWith("sentences[0].text has 6 bytes", "limit is 5"));
}

TEST_F(RequestValidatorTest, BytesOfTokensTogetherAreLimited) {
  limits_.max_bytes_per_sentence = 5;
  EXPECT_THAT(Validate(RequestOf({"ab", "cd"})), IsOk());
  EXPECT_THAT(Validate(RequestOf({"ab", "cde"})), IsOk());
  EXPECT_THAT(Validate(RequestOf({"abc", "def"})),
              InvalidWith("sentences[0].tokens has 6 bytes", "limit is 5"));
}

TEST_F(RequestValidatorTest, ResponseBytesAreLimitedInTheirEncoding) {
  limits_.max_response_bytes = 2 * 8 * 4;  // Two tokens of width 8.
  v1::EmbedRequest request = RequestOf({"a"});
  EXPECT_THAT(Validate(request), IsOk());
  request = RequestOf({"a", "b"});
  EXPECT_THAT(Validate(request), IsOk());
  request = RequestOf({"a", "b", "c"});
  EXPECT_THAT(Validate(request), InvalidWith("sentences", "96", "limit is 64"));
  request.mutable_output()->set_encoding(v1::FLOAT16);
  EXPECT_THAT(Validate(request), IsOk());
  request.mutable_output()->set_encoding(v1::FLOAT_LIST);
  EXPECT_THAT(Validate(request), InvalidWith("96"));
  request.mutable_output()->set_encoding(v1::FLOAT32);
  request.mutable_output()->set_pooling(v1::OutputSpec::MEAN);
  EXPECT_THAT(Validate(request), IsOk());
}

TEST_F(RequestValidatorTest, BoundariesAndLayersCountForTheResponse) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.mutable_output()->mutable_layers();
  request.mutable_output()->set_keep_boundaries(true);
  const auto plan = Validate(request);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->response_bytes, 3 * 3 * 8 * 4);
}

TEST_F(RequestValidatorTest, LayersAreTakenInTheirOrder) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.mutable_output()->mutable_layers()->add_indices(2);
  request.mutable_output()->mutable_layers()->add_indices(0);
  const auto plan = Validate(request);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->output.selection, OutputSpec::Selection::kLayers);
  EXPECT_THAT(plan->output.layers, ElementsAre(2, 0));
}

TEST_F(RequestValidatorTest, LayerOutsideTheModelIsAnError) {
  for (const int layer : {-1, 3, std::numeric_limits<int>::max()}) {
    v1::EmbedRequest request = RequestOf({"a"});
    request.mutable_output()->mutable_layers()->add_indices(1);
    request.mutable_output()->mutable_layers()->add_indices(layer);
    EXPECT_THAT(Validate(request),
                InvalidWith("output.layers.indices[1]", std::to_string(layer),
                            "0 to 2"));
  }
}

TEST_F(RequestValidatorTest, LayerNamedTwiceIsAnError) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.mutable_output()->mutable_layers()->add_indices(1);
  request.mutable_output()->mutable_layers()->add_indices(1);
  EXPECT_THAT(Validate(request), InvalidWith("output.layers.indices[1]"));
}

TEST_F(RequestValidatorTest, MixIsTaken) {
  v1::EmbedRequest request = RequestOf({"a"});
  v1::Mix* mix = request.mutable_output()->mutable_mix();
  for (const float weight : {1.0f, -2.0f, 0.5f}) mix->add_weights(weight);
  mix->set_gamma(0);
  mix->set_layer_norm(true);
  const auto plan = Validate(request);
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->output.mix_weights, ElementsAre(1.0f, -2.0f, 0.5f));
  EXPECT_EQ(plan->output.gamma, 0);  // Set to 0, not absent.
  EXPECT_TRUE(plan->output.layer_norm);
}

TEST_F(RequestValidatorTest, MixNeedsAWeightPerLayer) {
  for (const int count : {1, 2, 4}) {
    v1::EmbedRequest request = RequestOf({"a"});
    for (int i = 0; i < count; ++i) {
      request.mutable_output()->mutable_mix()->add_weights(1);
    }
    EXPECT_THAT(Validate(request),
                InvalidWith("output.mix.weights", std::to_string(count), "3"));
  }
}

TEST_F(RequestValidatorTest, MixMustBeFinite) {
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    v1::EmbedRequest request = RequestOf({"a"});
    v1::Mix* mix = request.mutable_output()->mutable_mix();
    mix->set_gamma(bad);
    EXPECT_THAT(Validate(request), InvalidWith("output.mix.gamma", "finite"));
    mix->clear_gamma();
    for (const float weight : {1.0f, bad, 1.0f}) mix->add_weights(weight);
    EXPECT_THAT(Validate(request),
                InvalidWith("output.mix.weights[1]", "finite"));
  }
}

TEST_F(RequestValidatorTest, UnknownEnumValuesAreErrors) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.mutable_output()->set_pooling(
      static_cast<v1::OutputSpec::Pooling>(3));
  EXPECT_THAT(Validate(request), InvalidWith("output.pooling is 3", "0 to 2"));
  request = RequestOf({"a"});
  request.mutable_output()->set_encoding(static_cast<v1::Encoding>(-7));
  EXPECT_THAT(Validate(request),
              InvalidWith("output.encoding is -7", "0 to 3"));
  request = RequestOf({"a"});
  request.set_start_state(static_cast<v1::StartState>(99));
  EXPECT_THAT(Validate(request), InvalidWith("start_state is 99", "0 to 3"));
}

TEST_F(RequestValidatorTest, EveryOutputOptionArrives) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.mutable_output()->set_pooling(v1::OutputSpec::MAX);
  request.mutable_output()->set_encoding(v1::BFLOAT16);
  request.mutable_output()->set_normalize(true);
  request.mutable_output()->set_keep_boundaries(true);
  request.mutable_output()->set_return_tokens(true);
  const auto plan = Validate(request);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->output.pooling, Pooling::kMax);
  EXPECT_EQ(plan->encoding, Encoding::kBfloat16);
  EXPECT_TRUE(plan->output.normalize);
  EXPECT_TRUE(plan->output.keep_boundaries);
  EXPECT_TRUE(plan->return_tokens);
}

TEST_F(RequestValidatorTest, WarmStartNeedsAWarmState) {
  v1::EmbedRequest request = RequestOf({"a"});
  request.set_start_state(v1::WARM);
  EXPECT_THAT(Validate(request), InvalidWith("start_state is WARM", "fake"));
}

TEST_F(RequestValidatorTest, DefaultStartIsWarmWhereTheModelHasIt) {
  model_->warm_state = LstmState::Zero(engine_->options().lstm);
  v1::EmbedRequest request = RequestOf({"a"});
  EXPECT_EQ(Validate(request)->start_state, &*model_->warm_state);
  request.set_start_state(v1::WARM);
  EXPECT_EQ(Validate(request)->start_state, &*model_->warm_state);
  request.set_start_state(v1::ZERO);
  EXPECT_EQ(Validate(request)->start_state, nullptr);
}

TEST_F(RequestValidatorTest, InvalidUtf8ThatGotThisFarIsRefused) {
  // gRPC callers cannot get here with it; a fuzzer can.
  EXPECT_THAT(Validate(TextRequest("secret \xff")),
              AllOf(InvalidWith("sentences[0].text", "UTF-8"),
                    Not(InvalidWith("secret"))));
}

}  // namespace
}  // namespace elmo::testing
