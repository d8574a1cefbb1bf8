#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using ::testing::ElementsAre;

TEST(EmbedServiceTest, AnswersWithTheVectorsOfEachSentence) {
  TestServer server;
  v1::EmbedRequest request = RequestOf({"a", "b"});
  request.add_sentences()->set_text("c");
  grpc::ClientContext context;
  v1::EmbedResponse response;
  const grpc::Status status = server.stub().Embed(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.embeddings_size(), 2);
  EXPECT_THAT(response.embeddings(0).shape(), ElementsAre(2, 8));
  EXPECT_THAT(response.embeddings(1).shape(), ElementsAre(1, 8));
  EXPECT_EQ(response.model(), "fake");
  EXPECT_EQ(response.model_checksum(), "c0ffee");
}

}  // namespace
}  // namespace elmo::testing
