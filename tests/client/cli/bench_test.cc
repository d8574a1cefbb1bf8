// elmo-client bench as its users meet it, against the real server with a fake
// engine, and against a server that answers wrongly under load.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/client/cli/temp_dir.h"
#include "tests/client/fake_model.h"
#include "tests/client/fake_server.h"
#include "tests/testing/test_server.h"

namespace elmo {
namespace {

using ::elmo::testing::FakeAnswer;
using ::elmo::testing::FakeServer;
using ::elmo::testing::TempDir;
using ::elmo::testing::TestServer;
using ::nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BenchTest : public ::testing::Test {
 protected:
  // Runs `elmo-client bench` with these arguments; its exit code.
  int Bench(const std::string& address, const std::string& arguments) {
    const int status = std::system(
        (ELMO_CLIENT_DIR "/elmo-client bench --server " + address + " --json " +
         dir_.Path("json") + " " + arguments + " >" + dir_.Path("out") + " 2>" +
         dir_.Path("err") + " </dev/null")
            .c_str());
    return WEXITSTATUS(status);
  }
  json Json() { return json::parse(dir_.Read("json")); }
  std::string Out() { return dir_.Read("out"); }
  std::string Err() { return dir_.Read("err"); }

  TempDir dir_;
};

TEST_F(BenchTest, OpenLoopAnswersEveryRequestWithTheSameBits) {
  TestServer server;
  ASSERT_EQ(Bench(server.server().address(),
                  "--rate 2000 --requests 300 --distinct 20 --verify-share 0.1 "
                  "--connections 3 --layers all --plot " +
                      dir_.Path("svg")),
            0)
      << Err();
  const json result = Json();
  EXPECT_EQ(result["offered"], 300);
  EXPECT_EQ(result["outcomes"]["ok"], 300);
  EXPECT_EQ(result["codes"], json::parse(R"({"OK": 300})"));
  EXPECT_EQ(result["answered"]["count"], 300);
  EXPECT_EQ(result["unloaded"]["count"], 20);
  EXPECT_EQ(result["verified"], 30);
  EXPECT_EQ(result["mismatches"], 0);
  EXPECT_THAT(Out(), AllOf(StartsWith("Open loop, 2000 requests/s"),
                           HasSubstr("30 answers compared"),
                           HasSubstr("the same bits")));
  EXPECT_THAT(dir_.Read("svg"), AllOf(StartsWith("<svg"), HasSubstr("</svg>"),
                                      HasSubstr("300 answers: p50")));
}

TEST_F(BenchTest, ClosedLoopSendsSentencesOfAFile) {
  TestServer server;
  const std::string file = dir_.Write("in.txt", "a b c\nd\n");
  ASSERT_EQ(Bench(server.server().address(),
                  "--capacity --in-flight 8 --requests 100 --sentences 2 "
                  "--file " +
                      file),
            0)
      << Err();
  const json result = Json();
  EXPECT_EQ(result["load"]["mode"], "closed");
  EXPECT_EQ(result["outcomes"]["ok"], 100);
  EXPECT_EQ(result["unloaded"]["count"], 1);  // Two lines, one request.
  EXPECT_GT(result["goodput_tokens_per_second"], 0);
}

TEST_F(BenchTest, CancelledCallsAreToldApart) {
  TestServer server;
  server.engine().Block();  // Nothing is answered before it is cancelled.
  ASSERT_EQ(Bench(server.server().address(),
                  "--rate 1000 --requests 50 --verify-share 0 "
                  "--cancel-share 1 --cancel-within 0.05"),
            0)
      << Err();
  EXPECT_EQ(Json()["outcomes"]["cancelled"], 50);
  EXPECT_EQ(Json()["codes"], json::parse(R"({"CANCELLED": 50})"));
}

TEST_F(BenchTest, AnswerThatDiffersUnderLoadFailsTheRun) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.on_embed = [&](grpc::ServerContext*, const v1::EmbedRequest* request,
                        v1::EmbedResponse* response) {
    *response = *FakeAnswer(*request);
    if (++calls > 5)
      response->mutable_embeddings(0)->mutable_data()->at(0) ^= 1;
    return grpc::Status::OK;
  };
  EXPECT_EQ(Bench(server.address(),
                  "--rate 1000 --requests 40 --distinct 5 --max-length 10 "
                  "--verify-share 0.25"),
            1);
  EXPECT_THAT(Out(), HasSubstr("10 DIFFER"));
  EXPECT_THAT(Err(), HasSubstr("10 of 10 answers differ"));
  EXPECT_EQ(Json()["mismatches"], 10);
}

TEST_F(BenchTest, RefusalsAreResultsAndNotSentAgain) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.on_embed = [&](grpc::ServerContext* context, const v1::EmbedRequest*,
                        v1::EmbedResponse*) {
    ++calls;
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "50");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "queue is full");
  };
  EXPECT_EQ(
      Bench(server.address(), "--rate 1000 --requests 40 --verify-share 0"), 0);
  EXPECT_EQ(Json()["outcomes"]["refused"], 40);
  EXPECT_EQ(Json()["refused"]["count"], 40);
  EXPECT_EQ(calls, 40);
}

TEST_F(BenchTest, ServerThatIsNotThereFailsTheRun) {
  const std::string nobody = "unix:" + dir_.Path("nobody.sock");
  const std::string file = dir_.Write("in.txt", "a\n");
  EXPECT_EQ(
      Bench(nobody, "--requests 3 --rate 100 --verify-share 0 --file " + file),
      1);
  EXPECT_EQ(Json()["outcomes"]["failed"], 3);
  EXPECT_EQ(Bench(nobody, "--requests 3 --rate 100"), 1);
  EXPECT_THAT(Err(), HasSubstr("no server at unix:"));
}

TEST_F(BenchTest, OptionsThatDoNotFitAreUsageErrors) {
  EXPECT_EQ(Bench("unix:/none", "--deadline 2:1"), 2);
  EXPECT_THAT(Err(), HasSubstr("--deadline takes seconds"));
  EXPECT_EQ(Bench("unix:/none", "--duration 1 --warm-up 1"), 2);
  EXPECT_THAT(Err(), HasSubstr("--warm-up must be shorter"));
  EXPECT_EQ(Bench("unix:/none", "--rate 5 --capacity"), 2);
}

}  // namespace
}  // namespace elmo
