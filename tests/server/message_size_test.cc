#include "server/message_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "elmo/v1/embedding.pb.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Field 2, zero bytes long: an empty sentence in a request, an empty token in
// a sentence.
constexpr char kEmpty[] = "\x12";

std::string EmptyFields(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append(kEmpty, 2);
  return bytes;
}

// A request of sentences with so many empty tokens each.
std::string RequestBytes(const std::vector<int>& tokens) {
  v1::EmbedRequest request;
  for (const int count : tokens) {
    v1::Sentence* sentence = request.add_sentences();
    for (int i = 0; i < count; ++i) sentence->add_tokens();
  }
  return request.SerializeAsString();
}

class MessageSizeTest : public ::testing::Test {
 protected:
  MessageSizeTest() {
    limits_.max_sentences_per_request = 3;
    limits_.max_tokens_per_request = 10;
  }

  absl::Status Check(const std::string& bytes) {
    return CheckMessageSize(bytes, limits_);
  }

  RequestLimits limits_;
};

TEST_F(MessageSizeTest, CountsAtTheLimitPass) {
  EXPECT_THAT(Check(""), IsOk());
  EXPECT_THAT(Check(RequestBytes({5, 0, 5})), IsOk());
}

TEST_F(MessageSizeTest, OneSentenceTooManyIsRefusedWithCountAndLimit) {
  EXPECT_THAT(Check(RequestBytes({0, 0, 0, 0})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "sentences has 4 entries; limit is 3"));
}

TEST_F(MessageSizeTest, OneTokenTooManyIsRefusedWithCountAndLimit) {
  EXPECT_THAT(Check(RequestBytes({5, 1, 5})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "sentences has 11 tokens; limit of a request is 10"));
}

TEST_F(MessageSizeTest, MillionsOfEmptySentencesAreCountedNotMade) {
  EXPECT_THAT(Check(EmptyFields(2'000'000)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("2000000"), HasSubstr("limit is 3"))));
}

TEST_F(MessageSizeTest, UnknownFieldsBeforeTheSentencesHideNothing) {
  // Field 9 as varint, as 8 bytes, as bytes, as 4 bytes, and as a group that
  // holds a field 2.
  const std::string unknown(
      "\x48\x01\x49"
      "12345678\x4a\x03"
      "abc\x4d"
      "1234"
      "\x4b\x12\x01x\x4c",
      26);
  EXPECT_THAT(Check(unknown + RequestBytes({5, 0, 5})), IsOk());
  EXPECT_THAT(
      Check(unknown + RequestBytes({5, 1, 5})),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("11 tokens")));
}

TEST_F(MessageSizeTest, ALengthBeyondTheEndIsLeftToTheParser) {
  const std::string truncated("\x12\x7f\x12\x00", 4);
  EXPECT_THAT(Check(truncated), IsOk());
  v1::EmbedRequest request;
  EXPECT_FALSE(request.ParseFromString(truncated));
}

TEST_F(MessageSizeTest, EveryCutOfARequestIsSafe) {
  const std::string whole = RequestBytes({4, 3, 3});
  for (size_t size = 0; size <= whole.size(); ++size) {
    EXPECT_THAT(Check(whole.substr(0, size)), IsOk()) << size;
  }
}

}  // namespace
}  // namespace elmo::testing
