#include "server/response_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/float_encoding.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint kReceived = TimePoint() + std::chrono::hours(1);

class ResponseBuilderTest : public ::testing::Test {
 protected:
  ResponseBuilderTest() {
    plan_.model = model_;
    plan_.sentences = {{{"a", "b"}, {{0, 1}, {2, 3}}}, {{}, {}}};
  }

  // Ends all sentences; value i of sentence s is 10 s + i.
  v1::EmbedResponse Build() {
    const auto job = std::make_shared<EmbedJob>(plan_, kReceived);
    job->Start(/*client=*/0, TimePoint::max(), [](const absl::Status&) {});
    for (int s = 0; s < static_cast<int>(plan_.sentences.size()); ++s) {
      SentenceResult result;
      result.values.resize(
          OutputSize(plan_.output, engine_->options(),
                     static_cast<int64_t>(plan_.sentences[s].tokens.size())));
      for (size_t i = 0; i < result.values.size(); ++i) {
        result.values[i] = static_cast<float>(10 * s + i);
      }
      result.queue_time = milliseconds(10 + s);
      result.compute_time = milliseconds(2000 + s);
      job->SentenceDone(s, absl::OkStatus(), std::move(result));
    }
    return BuildResponse(job.get(), kReceived + milliseconds(3500));
  }

  static std::vector<float> Count(int size) {
    std::vector<float> values(size);
    for (int i = 0; i < size; ++i) values[i] = static_cast<float>(i);
    return values;
  }

  FakeEngine* engine_ = nullptr;  // Owned by model_.
  const std::shared_ptr<const ServedModel> model_ =
      std::make_shared<ServedModel>(FakeModel(&engine_));
  EmbedPlan plan_;
};

TEST_F(ResponseBuilderTest, SentencesComeInOrderWithTheirShapes) {
  const v1::EmbedResponse response = Build();
  ASSERT_EQ(response.embeddings_size(), 2);
  EXPECT_THAT(response.embeddings(0).shape(), ElementsAre(2, 8));
  EXPECT_EQ(response.embeddings(0).data(), EncodeFloat32(Count(16)));
  EXPECT_THAT(response.embeddings(0).values(), IsEmpty());
  EXPECT_THAT(response.embeddings(1).shape(), ElementsAre(0, 8));
  EXPECT_EQ(response.embeddings(1).data(), "");
}

TEST_F(ResponseBuilderTest, NamesTheModelAndItsChecksum) {
  const v1::EmbedResponse response = Build();
  EXPECT_EQ(response.model(), "fake");
  EXPECT_EQ(response.model_checksum(), "c0ffee");
}

TEST_F(ResponseBuilderTest, LayersComeBeforeRows) {
  plan_.output.selection = OutputSpec::Selection::kLayers;
  plan_.output.keep_boundaries = true;
  const v1::EmbedResponse response = Build();
  EXPECT_THAT(response.embeddings(0).shape(), ElementsAre(3, 4, 8));
  EXPECT_THAT(response.embeddings(1).shape(), ElementsAre(3, 2, 8));
}

TEST_F(ResponseBuilderTest, PooledHasNoRows) {
  plan_.output.pooling = Pooling::kMean;
  const v1::EmbedResponse response = Build();
  EXPECT_THAT(response.embeddings(0).shape(), ElementsAre(8));
  EXPECT_THAT(response.embeddings(1).shape(), ElementsAre(8));
}

TEST_F(ResponseBuilderTest, SaysHowDataIsWritten) {
  EXPECT_EQ(Build().encoding(), v1::FLOAT32);

  plan_.encoding = Encoding::kFloat16;
  v1::EmbedResponse response = Build();
  EXPECT_EQ(response.encoding(), v1::FLOAT16);
  EXPECT_EQ(response.embeddings(0).data(), EncodeFloat16(Count(16)));

  plan_.encoding = Encoding::kBfloat16;
  response = Build();
  EXPECT_EQ(response.encoding(), v1::BFLOAT16);
  EXPECT_EQ(response.embeddings(0).data(), EncodeBfloat16(Count(16)));

  plan_.encoding = Encoding::kFloatList;
  response = Build();
  EXPECT_EQ(response.encoding(), v1::FLOAT_LIST);
  EXPECT_EQ(response.embeddings(0).data(), "");
  EXPECT_THAT(response.embeddings(0).values(),
              ::testing::ElementsAreArray(Count(16)));
}

TEST_F(ResponseBuilderTest, TokensComeOnlyWhenAskedFor) {
  EXPECT_THAT(Build().embeddings(0).tokens(), IsEmpty());
}

TEST_F(ResponseBuilderTest, TokensOfATextHaveOffsets) {
  plan_.return_tokens = true;
  const v1::EmbedResponse response = Build();
  ASSERT_EQ(response.embeddings(0).tokens_size(), 2);
  const v1::Token& second = response.embeddings(0).tokens(1);
  EXPECT_EQ(second.text(), "b");
  EXPECT_EQ(second.begin(), 2);
  EXPECT_EQ(second.end(), 3);
  EXPECT_TRUE(response.embeddings(0).tokens(0).has_begin());  // Though 0.
}

TEST_F(ResponseBuilderTest, TokensOfTheCallerHaveNone) {
  plan_.return_tokens = true;
  plan_.sentences[0].ranges.clear();
  const v1::EmbedResponse response = Build();
  EXPECT_EQ(response.embeddings(0).tokens(0).text(), "a");
  EXPECT_FALSE(response.embeddings(0).tokens(0).has_begin());
  EXPECT_FALSE(response.embeddings(0).tokens(0).has_end());
}

TEST_F(ResponseBuilderTest, TimingsAreThoseOfTheLastSentence) {
  const v1::EmbedResponse response = Build();
  const v1::Timings& timings = response.timings();
  EXPECT_EQ(timings.queue().seconds(), 0);
  EXPECT_EQ(timings.queue().nanos(), 11000000);
  EXPECT_EQ(timings.compute().seconds(), 2);
  EXPECT_EQ(timings.compute().nanos(), 1000000);
  EXPECT_EQ(timings.total().seconds(), 3);
  EXPECT_EQ(timings.total().nanos(), 500000000);
}

}  // namespace
}  // namespace elmo::testing
