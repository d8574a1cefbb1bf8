#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "server/float_encoding.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kEmbed[] = "/elmo.v1.EmbeddingService/Embed";

// One Embed call and what came of it.
struct Outcome {
  grpc::Status status;
  v1::EmbedResponse response;
  int pushback_ms = 0;  // 0: no trailer.
};

Outcome Embed(TestServer* server, const v1::EmbedRequest& request,
              grpc::ClientContext* context) {
  Outcome outcome;
  outcome.status = server->stub().Embed(context, request, &outcome.response);
  const auto& trailers = context->GetServerTrailingMetadata();
  const auto pushback = trailers.find("grpc-retry-pushback-ms");
  if (pushback != trailers.end()) {
    outcome.pushback_ms = std::stoi(
        std::string(pushback->second.data(), pushback->second.size()));
  }
  return outcome;
}

Outcome Embed(TestServer* server, const v1::EmbedRequest& request) {
  grpc::ClientContext context;
  return Embed(server, request, &context);
}

// The same on another thread.
std::future<Outcome> EmbedLater(TestServer* server,
                                const v1::EmbedRequest& request,
                                grpc::ClientContext* context = nullptr) {
  return std::async(std::launch::async, [=] {
    return context != nullptr ? Embed(server, request, context)
                              : Embed(server, request);
  });
}

// Holds up the only worker, so that what is sent next waits.
std::future<Outcome> Occupy(TestServer* server) {
  server->engine().Block();
  const int runs = static_cast<int>(server->engine().batches().size());
  auto outcome = EmbedLater(server, RequestOf({"occupied"}));
  server->engine().WaitForRuns(runs + 1);
  return outcome;
}

void WaitUntilQueued(const TestServer& server, int64_t tokens) {
  while (server.server().scheduler().queued_tokens() != tokens) {
    std::this_thread::yield();
  }
}

std::string DataOf(const std::vector<std::string>& tokens) {
  const OutputSpec output;
  return EncodeFloat32(FakeEngine::Values({tokens, &output, nullptr}));
}

TEST(EmbedServiceTest, AnswersWithTheVectorsOfEachSentence) {
  TestServer server;
  v1::EmbedRequest request = RequestOf({"a", "b"});
  request.add_sentences()->set_text("c d e");
  request.add_sentences();
  const Outcome outcome = Embed(&server, request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const v1::EmbedResponse& response = outcome.response;
  ASSERT_EQ(response.embeddings_size(), 3);
  EXPECT_THAT(response.embeddings(0).shape(), ElementsAre(2, 8));
  EXPECT_EQ(response.embeddings(0).data(), DataOf({"a", "b"}));
  EXPECT_EQ(response.embeddings(1).data(), DataOf({"c", "d", "e"}));
  EXPECT_THAT(response.embeddings(2).shape(), ElementsAre(0, 8));
  EXPECT_EQ(response.model(), "fake");
  EXPECT_EQ(response.model_checksum(), "c0ffee");
  EXPECT_GT(response.timings().total().nanos(), 0);
}

TEST(EmbedServiceTest, AskedForTokensOfATextGivesOffsets) {
  TestServer server;
  v1::EmbedRequest request;
  request.add_sentences()->set_text("h\xc3\xa9llo there");
  request.mutable_output()->set_return_tokens(true);
  const Outcome outcome = Embed(&server, request);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  const auto& tokens = outcome.response.embeddings(0).tokens();
  ASSERT_EQ(tokens.size(), 2);
  EXPECT_EQ(tokens[1].text(), "there");
  EXPECT_EQ(tokens[1].begin(), 7);
  EXPECT_EQ(tokens[1].end(), 12);
}

TEST(EmbedServiceTest, CallersWhoWaitShareABatch) {
  TestServer server;
  auto first = Occupy(&server);
  auto second = EmbedLater(&server, RequestOf({"x"}));
  auto third = EmbedLater(&server, RequestOf({"y"}));
  WaitUntilQueued(server, 6);
  server.engine().Unblock();
  EXPECT_EQ(second.get().response.embeddings(0).data(), DataOf({"x"}));
  EXPECT_EQ(third.get().response.embeddings(0).data(), DataOf({"y"}));
  EXPECT_THAT(server.engine().batches().back(), SizeIs(2));
  EXPECT_TRUE(first.get().status.ok());
}

TEST(EmbedServiceTest, BadRequestsNameTheFieldAndRunNothing) {
  TestServer server;
  const size_t warm_up_runs = server.engine().batches().size();
  const Outcome outcome = Embed(&server, {});
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(outcome.status.error_message(), HasSubstr("sentences"));
  v1::EmbedRequest request = RequestOf({"a"});
  request.set_model("other");
  EXPECT_EQ(Embed(&server, request).status.error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(server.engine().batches(), SizeIs(warm_up_runs));
}

TEST(EmbedServiceTest, BytesThatAreNoMessageAreTheCallersFault) {
  TestServer server;
  for (const char* method : {"Embed", "GetModel", "ListModels"}) {
    for (const std::string& garbage :
         {std::string("\xff\xff\xff\xff"), std::string("\x12\x7f\x01"),
          std::string(1000, '\x0a')}) {
      const grpc::Status status = RawUnary(
          server.channel(), std::string("/elmo.v1.EmbeddingService/") + method,
          garbage, nullptr);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_THAT(status.error_message(), HasSubstr("not a valid elmo.v1."));
    }
  }
}

TEST(EmbedServiceTest, InvalidUtf8IsTheCallersFaultAndNotRepeated) {
  TestServer server;
  for (const bool as_text : {true, false}) {
    v1::EmbedRequest request;
    if (as_text) {
      request.add_sentences()->set_text("secretXX");
    } else {
      request.add_sentences()->add_tokens("secretXX");
    }
    std::string bytes = request.SerializeAsString();
    bytes.replace(bytes.find("XX"), 2, "\xc3\x28");
    const grpc::Status status =
        RawUnary(server.channel(), kEmbed, bytes, nullptr);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(),
                AllOf(HasSubstr("UTF-8"), Not(HasSubstr("secret"))));
  }
}

TEST(EmbedServiceTest, UnknownFieldsAreIgnored) {
  TestServer server;
  const std::string bytes = RequestOf({"a"}).SerializeAsString() +
                            std::string("\xc2\x3e\x03new", 6);  // Field 1000.
  std::string answer;
  ASSERT_TRUE(RawUnary(server.channel(), kEmbed, bytes, &answer).ok());
  v1::EmbedResponse response;
  ASSERT_TRUE(response.ParseFromString(answer));
  EXPECT_EQ(response.embeddings(0).data(), DataOf({"a"}));
}

// A request of exactly this many bytes: the rest is an unknown field.
std::string RequestOfSize(size_t size) {
  std::string bytes = RequestOf({"a"}).SerializeAsString();
  std::string padding(size - bytes.size() - 5, '\0');
  bytes += "\xc2\x3e";
  bytes += static_cast<char>((padding.size() & 0x7f) | 0x80);
  bytes += static_cast<char>(((padding.size() >> 7) & 0x7f) | 0x80);
  bytes += static_cast<char>(padding.size() >> 14);
  return bytes + padding;
}

TEST(EmbedServiceTest, MessageSizeIsLimitedToTheByte) {
  ServerOptions options = TestServer::Options();
  options.limits.max_request_bytes = 100000;
  TestServer server(options);
  for (const int less : {1, 0}) {
    const grpc::Status status = RawUnary(server.channel(), kEmbed,
                                         RequestOfSize(100000 - less), nullptr);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  const grpc::Status status =
      RawUnary(server.channel(), kEmbed, RequestOfSize(100001), nullptr);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("100000"));
}

// gRPC would unpack the whole of it before it looks at its size.
TEST(EmbedServiceTest, CompressedMessageIsRefusedUnopened) {
  TestServer server;
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    v1::EmbedRequest request;
    request.add_sentences()->set_text(std::string(1000000, ' '));
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    EXPECT_EQ(Embed(&server, request, &context).status.error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
  EXPECT_TRUE(Embed(&server, RequestOf({"a"})).status.ok());
}

TEST(EmbedServiceTest, CancelledCallCostsNoCompute) {
  ServerOptions options = TestServer::Options();
  options.limits.max_sentences_per_request = 1;
  options.limits.max_tokens_per_request = 4;
  options.scheduler.queue.max_queued_tokens = 6;
  TestServer server(options);
  auto first = Occupy(&server);
  grpc::ClientContext context;
  auto cancelled =
      EmbedLater(&server, RequestOf({"gone", "b", "c", "d"}), &context);
  WaitUntilQueued(server, 6);
  context.TryCancel();
  EXPECT_EQ(cancelled.get().status.error_code(), grpc::StatusCode::CANCELLED);
  // The server hears of it a little later than the client; from then on there
  // is room for another call.
  auto last = std::async(std::launch::async, [&] {
    grpc::Status status;
    do {
      status = Embed(&server, RequestOf({"x", "y", "z"})).status;
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    return status;
  });
  WaitUntilQueued(server, 5);
  server.engine().Unblock();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(last.get().ok());
  for (const auto& batch : server.engine().batches()) {
    EXPECT_THAT(batch, Not(Contains(Contains("gone"))));
  }
}

// Though every worker is busy, and a call of its connection waits before it.
TEST(EmbedServiceTest, CancelledCallLeavesQueueAndMemoryAtOnce) {
  TestServer server;
  auto first = Occupy(&server);
  grpc::ClientContext waits;
  waits.set_deadline(system_clock::now() + std::chrono::minutes(1));
  auto second = EmbedLater(&server, RequestOf({"a"}), &waits);
  WaitUntilQueued(server, 3);
  const int64_t bytes = server.server().bytes_in_flight();
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + std::chrono::minutes(2));
  auto cancelled = EmbedLater(&server, RequestOf({"b", "c"}), &context);
  WaitUntilQueued(server, 7);
  EXPECT_GT(server.server().bytes_in_flight(), bytes);
  context.TryCancel();
  EXPECT_EQ(cancelled.get().status.error_code(), grpc::StatusCode::CANCELLED);
  WaitUntilQueued(server, 3);
  while (server.server().bytes_in_flight() != bytes) std::this_thread::yield();
  server.engine().Unblock();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(second.get().status.ok());
}

TEST(EmbedServiceTest, ExpiredCallCostsNoCompute) {
  TestServer server;
  auto first = Occupy(&server);
  grpc::ClientContext context;
  const auto deadline = system_clock::now() + milliseconds(500);
  context.set_deadline(deadline);
  EXPECT_EQ(Embed(&server, RequestOf({"late"}), &context).status.error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  // The server's deadline is a little later: the time left travels rounded up.
  while (system_clock::now() < deadline + milliseconds(100)) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(Embed(&server, RequestOf({"next"})).status.ok());
  for (const auto& batch : server.engine().batches()) {
    EXPECT_THAT(batch, Not(Contains(ElementsAre("late"))));
  }
}

TEST(EmbedServiceTest, CallWithoutDeadlineGetsTheServersDefault) {
  ServerOptions options = TestServer::Options();
  options.default_deadline = milliseconds(1);
  TestServer server(options);
  server.engine().Block();
  grpc::ClientContext patient;
  patient.set_deadline(system_clock::now() + std::chrono::hours(1));
  auto first = EmbedLater(&server, RequestOf({"occupied"}), &patient);
  server.engine().WaitForRuns(4);  // Three were the warm-up.
  auto second = EmbedLater(&server, RequestOf({"late"}));
  WaitUntilQueued(server, 3);
  const auto expired = steady_clock::now() + milliseconds(2);
  while (steady_clock::now() < expired) std::this_thread::yield();
  server.engine().Unblock();
  EXPECT_EQ(second.get().status.error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(first.get().status.ok());
}

TEST(EmbedServiceTest, DeadlineCenturiesAheadIsNotInThePast) {
  TestServer server;
  grpc::ClientContext context;
  context.set_deadline(
      gpr_time_from_hours(99999999, GPR_TIMESPAN));  // The longest on the wire.
  const Outcome outcome = Embed(&server, RequestOf({"a"}), &context);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
}

TEST(EmbedServiceTest, FullQueueRefusesWithARetryPushback) {
  ServerOptions options = TestServer::Options();
  options.limits.max_sentences_per_request = 1;
  options.limits.max_tokens_per_request = 4;
  options.scheduler.queue.max_queued_tokens = 6;
  TestServer server(options);
  auto first = Occupy(&server);
  auto second = EmbedLater(&server, RequestOf({"1", "2", "3", "4"}));
  WaitUntilQueued(server, 6);
  const Outcome refused = Embed(&server, RequestOf({"5"}));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("limit is 6"));
  EXPECT_GE(refused.pushback_ms, 50);
  EXPECT_LE(refused.pushback_ms, 15000);
  server.engine().Unblock();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(second.get().status.ok());
  EXPECT_EQ(Embed(&server, RequestOf({"6"})).pushback_ms, 0);
}

TEST(EmbedServiceTest, MemoryInFlightIsLimited) {
  ServerOptions options = TestServer::Options();
  options.limits.max_request_bytes = 500;
  options.limits.max_response_bytes = 1000;
  options.max_bytes_in_flight = 4000;  // 500 of them for what waits.
  TestServer server(options);
  const v1::EmbedRequest large = RequestOf(std::vector<std::string>(31, "w"));
  auto first = Occupy(&server);
  auto second = EmbedLater(&server, large);  // 31 * 8 numbers: 1984 bytes.
  WaitUntilQueued(server, 33);
  const Outcome refused = Embed(&server, large);
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("limit is 3500"));
  EXPECT_GE(refused.pushback_ms, 50);
  server.engine().Unblock();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(second.get().status.ok());
}

// Where gRPC has one name for all callers.
TEST(EmbedServiceTest, ConnectionsOfAUnixSocketAreCallersOfTheirOwn) {
  ServerOptions options = TestServer::Options();
  options.listen = "unix:" + ::testing::TempDir() + "elmo_embed_test.sock";
  options.limits.max_request_bytes = 500;
  options.limits.max_response_bytes = 1000;
  options.max_bytes_in_flight_per_connection = 4000;
  TestServer server(options);
  const v1::EmbedRequest large = RequestOf(std::vector<std::string>(31, "w"));
  auto first = Occupy(&server);
  auto second = EmbedLater(&server, large);
  WaitUntilQueued(server, 33);
  EXPECT_THAT(Embed(&server, large).status.error_message(),
              HasSubstr("limit is 3500"));
  const auto other = v1::EmbeddingService::NewStub(server.NewChannel());
  grpc::ClientContext context;
  v1::EmbedResponse response;
  std::promise<grpc::Status> end;
  std::future<grpc::Status> ended = end.get_future();
  other->async()->Embed(
      &context, &large, &response,
      [&end](const grpc::Status& status) { end.set_value(status); });
  while (server.server().scheduler().queued_tokens() < 66 &&
         ended.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  const grpc::Status status = ended.get();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(second.get().status.ok());
}

TEST(EmbedServiceTest, EngineFailureIsInternalAndTheServerGoesOn) {
  TestServer server;
  server.engine().FailWith(absl::InternalError("broken"));
  EXPECT_EQ(Embed(&server, RequestOf({"a"})).status.error_code(),
            grpc::StatusCode::INTERNAL);
  server.engine().FailWith(absl::OkStatus());
  EXPECT_TRUE(Embed(&server, RequestOf({"a"})).status.ok());
}

TEST(EmbedServiceTest, ManyCallersAtOnceAllGetTheirOwnAnswers) {
  ServerOptions options = TestServer::Options();
  options.scheduler.workers = 2;
  TestServer server(options);
  std::vector<std::future<void>> callers;
  for (int c = 0; c < 8; ++c) {
    callers.push_back(std::async(std::launch::async, [&server, c] {
      for (int i = 0; i < 25; ++i) {
        const std::vector<std::string> tokens(i, std::to_string(100 * c + i));
        const Outcome outcome = Embed(&server, RequestOf(tokens));
        EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
        EXPECT_EQ(outcome.response.embeddings(0).data(), DataOf(tokens));
      }
    }));
  }
  for (auto& caller : callers) caller.get();
}

TEST(ModelServiceTest, GetModelTellsDimensionsAndLimits) {
  ServerOptions options = TestServer::Options();
  options.limits.max_tokens_per_sentence = 123;
  TestServer server(options);
  grpc::ClientContext context;
  v1::Model model;
  ASSERT_TRUE(server.stub().GetModel(&context, {}, &model).ok());
  EXPECT_EQ(model.name(), "fake");
  EXPECT_EQ(model.checksum(), "c0ffee");
  EXPECT_EQ(model.precision(), "f32");
  EXPECT_EQ(model.lstm_layers(), 2);
  EXPECT_EQ(model.dim(), 8);
  EXPECT_EQ(model.cell_dim(), 16);
  EXPECT_EQ(model.max_bytes_per_token(), 48);
  EXPECT_FALSE(model.has_warm_state());
  EXPECT_EQ(model.default_start_state(), v1::ZERO);
  EXPECT_EQ(model.limits().sentences_per_request(), 64);
  EXPECT_EQ(model.limits().tokens_per_sentence(), 123);
  EXPECT_EQ(model.limits().tokens_per_request(), 4096);
  EXPECT_EQ(model.limits().bytes_per_sentence(), 32768);
  EXPECT_EQ(model.limits().request_bytes(), 4194304);
  EXPECT_EQ(model.limits().response_bytes(), 67108864);
}

TEST(ModelServiceTest, UnknownModelIsNotFound) {
  TestServer server;
  grpc::ClientContext context;
  v1::GetModelRequest request;
  request.set_model("other");
  v1::Model model;
  EXPECT_EQ(server.stub().GetModel(&context, request, &model).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST(ModelServiceTest, ListModelsNamesTheDefault) {
  TestServer server;
  grpc::ClientContext context;
  v1::ListModelsResponse models;
  ASSERT_TRUE(server.stub().ListModels(&context, {}, &models).ok());
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_EQ(models.models(0).name(), "fake");
  EXPECT_EQ(models.models(0).limits().sentences_per_request(), 64);
}

}  // namespace
}  // namespace elmo::testing
