#include "client/sentence_vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "client/sentence_source.h"
#include "tests/client/fake_model.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kInternal = absl::StatusCode::kInternal;

v1::SentenceEmbedding Answer(const v1::Sentence& sentence,
                             const v1::OutputSpec& output) {
  v1::EmbedRequest request;
  *request.add_sentences() = sentence;
  *request.mutable_output() = output;
  return testing::FakeAnswer(request)->embeddings(0);
}

class EncodingTest : public ::testing::TestWithParam<v1::Encoding> {};

TEST_P(EncodingTest, DecodesToTheNumbersThatWereSent) {
  v1::OutputSpec output;
  output.set_encoding(GetParam());
  output.mutable_layers()->add_indices(2);
  output.mutable_layers()->add_indices(0);
  const v1::Sentence sentence = TokenSentence({"It", "works"});
  const auto vectors =
      DecodeSentence(Answer(sentence, output), GetParam(), sentence, output);
  ASSERT_THAT(vectors, IsOk());
  EXPECT_THAT(vectors->shape, ElementsAre(2, 2, 4));
  EXPECT_THAT(vectors->values, ElementsAre(2, 0, 2, 'I', 2, 1, 5, 'w',  //
                                           0, 0, 2, 'I', 0, 1, 5, 'w'));
  EXPECT_EQ(vectors->vector(1, 1)[3], 'w');
}

INSTANTIATE_TEST_SUITE_P(All, EncodingTest,
                         ::testing::Values(v1::FLOAT32, v1::FLOAT16,
                                           v1::BFLOAT16, v1::FLOAT_LIST));

TEST(DecodeSentenceTest, MissingAxesCountAsOne) {
  v1::OutputSpec output;
  output.set_pooling(v1::OutputSpec::MEAN);
  const v1::Sentence sentence = TextSentence("a b");
  const auto vectors =
      DecodeSentence(Answer(sentence, output), v1::FLOAT32, sentence, output);
  ASSERT_THAT(vectors, IsOk());
  EXPECT_THAT(vectors->shape, ElementsAre(4));
  EXPECT_EQ(vectors->layers, 1);
  EXPECT_EQ(vectors->rows, 1);
  EXPECT_EQ(vectors->dim, 4);
}

TEST(DecodeSentenceTest, EmptySentenceHasNoRows) {
  v1::OutputSpec output;
  output.mutable_layers();
  output.set_return_tokens(true);
  const v1::Sentence sentence;
  const auto vectors =
      DecodeSentence(Answer(sentence, output), v1::FLOAT32, sentence, output);
  ASSERT_THAT(vectors, IsOk());
  EXPECT_THAT(vectors->shape, ElementsAre(3, 0, 4));
  EXPECT_THAT(vectors->values, IsEmpty());
}

TEST(DecodeSentenceTest, TokensComeWithTheirBytes) {
  v1::OutputSpec output;
  output.set_return_tokens(true);
  output.set_keep_boundaries(true);
  const v1::Sentence sentence = TextSentence("one two");
  const auto vectors =
      DecodeSentence(Answer(sentence, output), v1::FLOAT32, sentence, output);
  ASSERT_THAT(vectors, IsOk());
  EXPECT_EQ(vectors->rows, 4);
  ASSERT_THAT(vectors->tokens, SizeIs(2));
  EXPECT_EQ(vectors->tokens[1].text(), "two");
  EXPECT_EQ(vectors->tokens[1].begin(), 4);
}

// One defect each, in an answer that is right otherwise.
class MalformedTest : public ::testing::Test {
 protected:
  MalformedTest() {
    output_.mutable_layers()->add_indices(1);
    output_.set_return_tokens(true);
    good_ = Answer(sentence_, output_);
  }

  absl::Status Decode(const v1::SentenceEmbedding& embedding,
                      v1::Encoding encoding = v1::FLOAT32) const {
    return DecodeSentence(embedding, encoding, sentence_, output_).status();
  }

  const v1::Sentence sentence_ = TokenSentence({"a", "b", "c"});
  v1::OutputSpec output_;
  v1::SentenceEmbedding good_;
};

TEST_F(MalformedTest, NothingWrongIsAccepted) {
  EXPECT_THAT(Decode(good_), IsOk());
}

TEST_F(MalformedTest, DataOfAnotherSizeIsRefused) {
  good_.mutable_data()->pop_back();
  EXPECT_THAT(Decode(good_), StatusIs(kInternal,
                                      "shape [1, 3, 4] needs 48 bytes of data; "
                                      "47 came"));
  good_.clear_data();
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, HasSubstr("0 came")));
}

TEST_F(MalformedTest, DataInTheWrongFieldIsRefused) {
  EXPECT_THAT(Decode(good_, v1::FLOAT_LIST),
              StatusIs(kInternal, HasSubstr("needs 12 values; 0 came")));
  EXPECT_THAT(Decode(good_, v1::FLOAT16),
              StatusIs(kInternal, HasSubstr("24 bytes of data; 48 came")));
}

TEST_F(MalformedTest, UnknownEncodingIsRefused) {
  EXPECT_THAT(Decode(good_, static_cast<v1::Encoding>(77)),
              StatusIs(kInternal, HasSubstr("encoding 77")));
}

TEST_F(MalformedTest, ShapeOfAnotherRankIsRefused) {
  good_.add_shape(1);
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, HasSubstr("3 dimensions")));
  good_.clear_shape();
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, HasSubstr("3 dimensions")));
}

TEST_F(MalformedTest, ImpossibleSizesAreRefused) {
  for (const int64_t size : {int64_t{-1}, int64_t{1} << 62, INT64_MIN}) {
    for (int axis = 0; axis < 3; ++axis) {
      v1::SentenceEmbedding bad = good_;
      bad.set_shape(axis, size);
      EXPECT_THAT(Decode(bad), StatusIs(kInternal, HasSubstr("shape")));
    }
  }
}

TEST_F(MalformedTest, HugeWidthsDoNotHideBehindZeroRows) {
  good_.set_shape(0, int64_t{1} << 31);
  good_.set_shape(1, 0);
  good_.clear_data();
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, HasSubstr("not possible")));
}

TEST_F(MalformedTest, RowsOtherThanTheTokensAreRefused) {
  good_.set_shape(1, 2);
  good_.mutable_data()->resize(32);
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, HasSubstr("3 rows")));
}

TEST_F(MalformedTest, LayersOtherThanAskedForAreRefused) {
  good_.set_shape(0, 2);
  good_.mutable_data()->resize(96);
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, HasSubstr("1 layers")));
}

TEST_F(MalformedTest, TokensOtherThanSentAreRefused) {
  good_.mutable_tokens()->RemoveLast();
  EXPECT_THAT(Decode(good_), StatusIs(kInternal, "2 tokens came back of 3"));
}

// Whatever comes, the decoder answers; what it accepts is consistent.
TEST_F(MalformedTest, RandomAnswersAreDecodedOrRefused) {
  std::mt19937 random(1);
  const int64_t sizes[] = {-1, 0, 1, 2, 3, 4, 12, int64_t{1} << 40};
  for (int i = 0; i < 20000; ++i) {
    v1::SentenceEmbedding bad = good_;
    bad.clear_shape();
    for (uint32_t n = random() % 5; n > 0; --n) {
      bad.add_shape(sizes[random() % 8]);
    }
    bad.mutable_data()->resize(random() % 3 * 24);
    const auto vectors = DecodeSentence(
        bad, static_cast<v1::Encoding>(random() % 5), sentence_, output_);
    if (!vectors.ok()) continue;
    ASSERT_EQ(
        static_cast<size_t>(vectors->layers * vectors->rows * vectors->dim),
        vectors->values.size());
  }
}

}  // namespace
}  // namespace elmo
