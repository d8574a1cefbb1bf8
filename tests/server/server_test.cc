#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/testing/raw_call.h"
#include "tests/testing/scrape.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr char kWatch[] = "/grpc.health.v1.Health/Watch";
constexpr char kReflect[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

std::vector<ServedModel> Models(ServedModel model) {
  std::vector<ServedModel> models;
  models.push_back(std::move(model));
  return models;
}

grpc::Status Embed(TestServer* server) {
  grpc::ClientContext context;
  v1::EmbedResponse response;
  return server->stub().Embed(&context, RequestOf({"a"}), &response);
}

TEST(ServerTest, HealthKnowsItsNamesAndNoOther) {
  TestServer server;
  for (const char* name :
       {"", "liveness", "readiness", "elmo.v1.EmbeddingService"}) {
    EXPECT_EQ(HealthOf(server.channel(), name), "SERVING") << name;
  }
  EXPECT_EQ(HealthOf(server.channel(), "other"),
            std::to_string(grpc::StatusCode::NOT_FOUND));
}

TEST(ServerTest, WhileDrainingItIsNotReadyYetLiveAndServing) {
  ServerOptions options = TestServer::Options();
  options.drain_delay = milliseconds(2000);
  TestServer server(options);
  const auto stopped =
      std::async(std::launch::async, [&] { server.server().Shutdown(); });
  while (HealthOf(server.channel(), "readiness") == "SERVING") continue;
  for (const char* name : {"", "readiness", "elmo.v1.EmbeddingService"}) {
    EXPECT_EQ(HealthOf(server.channel(), name), "NOT_SERVING") << name;
  }
  EXPECT_EQ(HealthOf(server.channel(), "liveness"), "SERVING");
  EXPECT_TRUE(Embed(&server).ok());
}

// As docs/operations.md says it: the caller has to know that it is not a
// refusal.
TEST(ServerTest, AStreamThatIsOlderThanItsConnectionMayBeIsUnavailable) {
  ServerOptions options = TestServer::Options();
  options.connection.max_connection_age = milliseconds(100);
  options.connection.max_connection_age_grace = milliseconds(100);
  TestServer server(options);
  grpc::ClientContext context;
  const auto stream = server.stub().EmbedStream(&context);
  ASSERT_TRUE(stream->Write(RequestOf({"a"})));
  v1::EmbedResponse response;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_FALSE(stream->Read(&response));  // Waits for the end.
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"),
            0);
  while (
      ParseMetrics(server.server()
                       .metrics()
                       .Text())["elmo_requests_total{code=\"CANCELLED\",method="
                                "\"EmbedStream\"}"] == 0) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(Embed(&server).ok());  // Over a new connection.
}

TEST(ServerTest, ShutdownFinishesWhatWasAcceptedThoughSomebodyWatches) {
  ServerOptions options = TestServer::Options();
  options.drain_timeout = std::chrono::minutes(10);
  TestServer server(options);
  RawCall watch(server.NewChannel(), kWatch);
  ASSERT_TRUE(watch.Write(HealthRequest("readiness")));
  ASSERT_TRUE(watch.WritesDone());
  EXPECT_EQ(HealthStatus(watch.Read().value_or("")), "SERVING");

  server.engine().Block();
  auto running = std::async(std::launch::async, [&] { return Embed(&server); });
  server.engine().WaitForRuns(4);  // Three were the warm-up.
  auto waiting = std::async(std::launch::async, [&] { return Embed(&server); });
  while (server.server().scheduler().queued_tokens() == 0) {
    std::this_thread::yield();
  }
  const auto stopped =
      std::async(std::launch::async, [&] { server.server().Shutdown(); });
  EXPECT_EQ(HealthStatus(watch.Read().value_or("")), "NOT_SERVING");
  server.engine().Unblock();
  EXPECT_TRUE(running.get().ok());
  EXPECT_TRUE(waiting.get().ok());
  // The stream ends, long before the drain timeout.
  EXPECT_EQ(watch.Read(), std::nullopt);
  EXPECT_FALSE(watch.Finish().ok());
}

TEST(ServerTest, DrainTimeoutEndsWhatStillRuns) {
  ServerOptions options = TestServer::Options();
  options.drain_timeout = milliseconds(50);
  TestServer server(options);
  server.engine().Block();
  auto running = std::async(std::launch::async, [&] { return Embed(&server); });
  server.engine().WaitForRuns(3);
  const auto stopped =
      std::async(std::launch::async, [&] { server.server().Shutdown(); });
  EXPECT_FALSE(running.get().ok());
  server.engine().Unblock();
}

TEST(ServerTest, WhileFinishingNewCallsAreToldToTryElsewhere) {
  TestServer server;
  server.engine().Block();
  auto running = std::async(std::launch::async, [&] { return Embed(&server); });
  server.engine().WaitForRuns(4);  // Three were the warm-up.
  const auto stopped =
      std::async(std::launch::async, [&] { server.server().Shutdown(); });
  // Accepted at first, until the server has got that far: those wait.
  grpc::Status status;
  int pushback_ms = 0;
  do {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(50));
    v1::EmbedResponse response;
    status = server.stub().Embed(&context, RequestOf({"b"}), &response);
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto it = trailers.find("grpc-retry-pushback-ms");
    if (it != trailers.end()) {
      pushback_ms =
          std::stoi(std::string(it->second.data(), it->second.size()));
    }
  } while (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("shutting down"));
  EXPECT_GE(pushback_ms, 1000);
  EXPECT_LE(pushback_ms, 1500);
  server.engine().Unblock();
  EXPECT_TRUE(running.get().ok());
}

TEST(ServerTest, ModelsMayBeReplacedWhileItShutsDown) {
  ServerOptions options = TestServer::Options();
  options.drain_delay = milliseconds(1000);
  FakeEngine* engine = nullptr;
  auto server = Server::Create(options, Models(FakeModel(&engine)));
  ASSERT_THAT(server, IsOk());
  const auto channel = grpc::CreateChannel((*server)->address(),
                                           grpc::InsecureChannelCredentials());
  const auto stopped =
      std::async(std::launch::async, [&] { (*server)->Shutdown(); });
  while (HealthOf(channel, "readiness") == "SERVING") continue;
  ServedModel other = FakeModel(&engine);
  other.checksum = "decaf";
  EXPECT_THAT((*server)->ReplaceModels(Models(std::move(other))), IsOk());
  grpc::ClientContext context;
  v1::EmbedResponse response;
  EXPECT_TRUE(v1::EmbeddingService::NewStub(channel)
                  ->Embed(&context, RequestOf({"a"}), &response)
                  .ok());
  EXPECT_EQ(response.model_checksum(), "decaf");
}

TEST(ServerTest, AnOldConnectionIsClosedGently) {
  ServerOptions options = TestServer::Options();
  options.connection.max_connection_age = milliseconds(100);
  TestServer server(options);
  server.engine().Block();
  auto running = std::async(std::launch::async, [&] { return Embed(&server); });
  server.engine().WaitForRuns(4);  // Three were the warm-up.
  // The server asks the client to look for another connection...
  while (server.channel()->GetState(false) == GRPC_CHANNEL_READY) {
    std::this_thread::yield();
  }
  // ...which does not end the call that runs, nor hinder the next.
  server.engine().Unblock();
  EXPECT_TRUE(running.get().ok());
  EXPECT_TRUE(Embed(&server).ok());
}

TEST(ServerTest, AfterShutdownNothingListens) {
  TestServer server;
  ASSERT_TRUE(Embed(&server).ok());
  server.server().Shutdown();
  EXPECT_EQ(Embed(&server).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(ServerTest, ReflectionListsTheService) {
  TestServer server;
  RawCall call(server.channel(), kReflect);
  ASSERT_TRUE(call.Write(std::string("\x3a\x01*", 3)));  // list_services
  const std::string services = call.Read().value_or("");
  EXPECT_THAT(services, HasSubstr("elmo.v1.EmbeddingService"));
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
}

TEST(ServerTest, ReflectionDescribesTheHealthService) {
  TestServer server;
  RawCall call(server.channel(), kReflect);
  // file_containing_symbol
  const std::string symbol = "grpc.health.v1.Health";
  ASSERT_TRUE(call.Write("\x22" + std::string(1, symbol.size()) + symbol));
  EXPECT_THAT(call.Read().value_or(""), HasSubstr("HealthCheckRequest"));
}

TEST(ServerTest, ReflectionCanBeSwitchedOff) {
  ServerOptions options = TestServer::Options();
  options.reflection = false;
  TestServer server(options);
  RawCall call(server.channel(), kReflect);
  call.Write(std::string("\x3a\x01*", 3));
  EXPECT_EQ(call.Read(), std::nullopt);
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST(ServerTest, ChannelzIsThereOnlyWhenAskedFor) {
  // GetServersRequest without fields. Once on, gRPC keeps it for the process:
  // the server without it goes first.
  const std::string method = "/grpc.channelz.v1.Channelz/GetServers";
  {
    TestServer server;
    EXPECT_EQ(RawUnary(server.channel(), method, "", nullptr).error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
  ServerOptions options = TestServer::Options();
  options.channelz = true;
  TestServer server(options);
  EXPECT_TRUE(RawUnary(server.channel(), method, "", nullptr).ok());
}

TEST(ServerTest, UnknownMethodIsUnimplemented) {
  TestServer server;
  EXPECT_EQ(RawUnary(server.channel(), "/elmo.v1.EmbeddingService/Nonsense", "",
                     nullptr)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST(ServerTest, AddressHasTheBoundPort) {
  TestServer server;
  EXPECT_GT(server.server().port(), 0);
  EXPECT_EQ(server.server().address(),
            "127.0.0.1:" + std::to_string(server.server().port()));
}

TEST(ServerTest, PortInUseIsAnErrorThatNamesTheAddress) {
  TestServer server;
  ServerOptions options = TestServer::Options();
  options.listen = server.server().address();
  FakeEngine* engine = nullptr;
  EXPECT_THAT(Server::Create(options, Models(FakeModel(&engine))),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("cannot listen on " + options.listen)));
}

TEST(ServerTest, ListensOnAUnixSocket) {
  ServerOptions options = TestServer::Options();
  options.listen = "unix:" + ::testing::TempDir() + "elmo_server_test.sock";
  TestServer server(options);
  EXPECT_EQ(server.server().port(), 0);
  EXPECT_TRUE(Embed(&server).ok());
}

TEST(ServerTest, BadOptionsAreAnError) {
  ServerOptions options = TestServer::Options();
  options.scheduler.workers = 0;
  FakeEngine* engine = nullptr;
  EXPECT_THAT(Server::Create(options, Models(FakeModel(&engine))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--workers is 0")));
}

TEST(ServerTest, ModelThatCannotRunIsNotServed) {
  FakeEngine* engine = nullptr;
  ServedModel model = FakeModel(&engine);
  engine->FailWith(absl::InternalError("does not compute"));
  EXPECT_THAT(
      Server::Create(TestServer::Options(), Models(std::move(model))),
      StatusIs(absl::StatusCode::kInternal, HasSubstr("does not compute")));
}

}  // namespace
}  // namespace elmo::testing
