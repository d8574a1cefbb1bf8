#include "client/grpc_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "client/embed_client.h"
#include "tests/client/fake_model.h"
#include "tests/client/fake_server.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::FakeAnswer;
using ::elmo::testing::FakeServer;
using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using std::chrono::milliseconds;
using std::chrono::steady_clock;

ClientOptions Options(const FakeServer& server) {
  ClientOptions options;
  options.target = server.address();
  return options;
}

EmbedClient Client(const FakeServer& server) {
  return EmbedClient(MakeGrpcConnection(Options(server)));
}

// Refuses the first `refusals` calls, with `pushback_ms` where not empty.
FakeServer::EmbedHandler Refusing(std::atomic<int>* calls, int refusals,
                                  grpc::StatusCode code,
                                  const std::string& pushback_ms) {
  return [=](grpc::ServerContext* context, const v1::EmbedRequest* request,
             v1::EmbedResponse* response) {
    if (++*calls > refusals) {
      *response = *FakeAnswer(*request);
      return grpc::Status::OK;
    }
    if (!pushback_ms.empty()) {
      context->AddTrailingMetadata("grpc-retry-pushback-ms", pushback_ms);
    }
    return grpc::Status(code, "queue is full");
  };
}

// Waits until the call is cancelled or its deadline passes.
grpc::Status Hang(grpc::ServerContext* context) {
  while (!context->IsCancelled()) std::this_thread::yield();
  return grpc::Status::CANCELLED;
}

TEST(ServiceConfigTest, RetriesUnavailableAlone) {
  ClientOptions options;
  options.max_attempts = 4;
  options.initial_backoff = milliseconds(50);
  const auto config = nlohmann::json::parse(ServiceConfig(options));
  const auto& method = config["methodConfig"][0];
  EXPECT_EQ(method["name"][0]["service"],
            v1::EmbeddingService::service_full_name());
  EXPECT_EQ(method["retryPolicy"]["maxAttempts"], 4);
  EXPECT_EQ(method["retryPolicy"]["initialBackoff"], "0.050s");
  EXPECT_THAT(method["retryPolicy"]["retryableStatusCodes"],
              ElementsAre("UNAVAILABLE"));
  EXPECT_TRUE(config["loadBalancingConfig"][0].contains("round_robin"));
}

TEST(ServiceConfigTest, OneAttemptMeansNoRetryPolicy) {
  ClientOptions options;
  options.max_attempts = 1;
  const auto config = nlohmann::json::parse(ServiceConfig(options));
  EXPECT_FALSE(config["methodConfig"][0].contains("retryPolicy"));
}

TEST(GrpcConnectionTest, EmbedsThroughARealServer) {
  FakeServer server;
  EmbedClient client = Client(server);
  const auto result = client.Embed({TextSentence("It works")}, {});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT((*result)[0].values, ElementsAre(1, 0, 2, 'I', 1, 1, 5, 'w'));
}

TEST(GrpcConnectionTest, ManySentencesKeepTheirOrder) {
  FakeServer server;
  EmbedClient client = Client(server);
  std::vector<v1::Sentence> sentences;
  for (int i = 0; i < 300; ++i) {
    sentences.push_back(TokenSentence({std::string(i % 50, 'x')}));
  }
  const auto result = client.Embed(sentences, {});
  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(*result, SizeIs(300));
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ((*result)[i].vector(0, 0)[2], i % 50);
  }
}

TEST(GrpcConnectionTest, UnavailableIsSentAgainAfterThePushback) {
  std::atomic<int> calls{0};
  FakeServer server;
  server.on_embed =
      Refusing(&calls, 2, grpc::StatusCode::UNAVAILABLE, /*pushback_ms=*/"60");
  ClientOptions options = Options(server);
  // Without the pushback, this would be the pause.
  options.initial_backoff = options.max_backoff = std::chrono::minutes(10);
  EmbedClient client(MakeGrpcConnection(options));
  const auto start = steady_clock::now();
  EXPECT_THAT(client.Embed({TextSentence("a")}, {}), IsOk());
  EXPECT_EQ(calls, 3);
  EXPECT_GE(steady_clock::now() - start, milliseconds(120));
}

TEST(GrpcConnectionTest, NegativePushbackEndsTheRetries) {
  std::atomic<int> calls{0};
  FakeServer server;
  server.on_embed =
      Refusing(&calls, 9, grpc::StatusCode::UNAVAILABLE, /*pushback_ms=*/"-1");
  EXPECT_THAT(Client(server).Embed({TextSentence("a")}, {}),
              StatusIs(absl::StatusCode::kUnavailable, "queue is full"));
  EXPECT_EQ(calls, 1);
}

TEST(GrpcConnectionTest, RetriesEndAfterMaxAttempts) {
  std::atomic<int> calls{0};
  FakeServer server;
  server.on_embed =
      Refusing(&calls, 99, grpc::StatusCode::UNAVAILABLE, /*pushback_ms=*/"1");
  ClientOptions options = Options(server);
  options.max_attempts = 3;
  EmbedClient client(MakeGrpcConnection(options));
  EXPECT_THAT(client.Embed({TextSentence("a")}, {}),
              StatusIs(absl::StatusCode::kUnavailable, "queue is full"));
  EXPECT_EQ(calls, 3);
}

TEST(GrpcConnectionTest, OtherCodesAreSentOnce) {
  for (const auto code :
       {grpc::StatusCode::INTERNAL, grpc::StatusCode::RESOURCE_EXHAUSTED,
        grpc::StatusCode::INVALID_ARGUMENT}) {
    std::atomic<int> calls{0};
    FakeServer server;
    server.on_embed = Refusing(&calls, 1, code, /*pushback_ms=*/"");
    EXPECT_THAT(Client(server).Embed({TextSentence("a")}, {}),
                StatusIs(static_cast<absl::StatusCode>(code),
                         HasSubstr("queue is full")));
    EXPECT_EQ(calls, 1);
  }
}

TEST(GrpcConnectionTest, LargeRequestIsSentAgainToo) {
  std::atomic<int> calls{0};
  FakeServer server;
  server.on_embed = [&](grpc::ServerContext* context,
                        const v1::EmbedRequest* request,
                        v1::EmbedResponse* response) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "1");
    if (++calls < 3) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "");
    v1::SentenceEmbedding* embedding = response->add_embeddings();
    embedding->add_shape(0);
    embedding->add_shape(4);
    return grpc::Status::OK;
  };
  const std::string mebibyte(1 << 20, 'x');
  EXPECT_THAT(Client(server).Embed({TextSentence(mebibyte)}, {}), IsOk());
  EXPECT_EQ(calls, 3);
}

TEST(GrpcConnectionTest, DeadlineEndsACallThatHangs) {
  FakeServer server;
  server.on_embed = [](grpc::ServerContext* context, const v1::EmbedRequest*,
                       v1::EmbedResponse*) { return Hang(context); };
  EmbedClient client = Client(server);
  EmbedParams params;
  params.timeout = milliseconds(100);
  EXPECT_THAT(client.Embed({TextSentence("a")}, params),
              StatusIs(absl::StatusCode::kDeadlineExceeded, _));
}

TEST(GrpcConnectionTest, CancelEndsACallThatHangs) {
  std::promise<void> arrived;
  FakeServer server;
  server.on_embed = [&](grpc::ServerContext* context, const v1::EmbedRequest*,
                        v1::EmbedResponse*) {
    arrived.set_value();
    return Hang(context);
  };
  const auto connection = MakeGrpcConnection(Options(server));
  auto request = std::make_shared<v1::EmbedRequest>();
  std::promise<absl::Status> done;
  const EmbedConnection::Cancel cancel = connection->AsyncEmbed(
      {}, request, [&done](absl::StatusOr<v1::EmbedResponse> answer) {
        done.set_value(answer.status());
      });
  arrived.get_future().wait();
  cancel();
  EXPECT_THAT(done.get_future().get(),
              StatusIs(absl::StatusCode::kCancelled, _));
  cancel();  // Too late is harmless.
}

TEST(GrpcConnectionTest, AnswerOfFiftyMegabytesArrives) {
  constexpr int kRows = 12'800;
  constexpr int kDim = 1024;
  FakeServer server;
  server.on_embed = [](grpc::ServerContext*, const v1::EmbedRequest*,
                       v1::EmbedResponse* response) {
    v1::SentenceEmbedding* embedding = response->add_embeddings();
    embedding->add_shape(kRows);
    embedding->add_shape(kDim);
    embedding->mutable_data()->resize(size_t{kRows} * kDim * 4);
    return grpc::Status::OK;
  };
  const auto result = Client(server).Embed({TextSentence("a")}, {});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ((*result)[0].rows, kRows);
  EXPECT_THAT((*result)[0].values, SizeIs(size_t{kRows} * kDim));
}

TEST(GrpcConnectionTest, ReceiveLimitIsObeyed) {
  FakeServer server;
  ClientOptions options = Options(server);
  options.max_receive_bytes = 40;
  EmbedClient client(MakeGrpcConnection(options));
  EXPECT_THAT(client.Embed({TextSentence("a b c d")}, {}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("40")));
}

TEST(GrpcConnectionTest, NoServerIsUnavailableAtOnce) {
  std::string address;
  { address = FakeServer().address(); }  // A port where nobody listens now.
  ClientOptions options;
  options.target = address;
  options.max_attempts = 1;
  EmbedClient client(MakeGrpcConnection(options));
  EXPECT_THAT(client.GetModel(""), StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST(GrpcConnectionTest, WaitForReadyWaitsUntilTheDeadline) {
  std::string address;
  { address = FakeServer().address(); }
  ClientOptions options;
  options.target = address;
  options.wait_for_ready = true;
  options.timeout = milliseconds(50);
  EmbedClient client(MakeGrpcConnection(options));
  EXPECT_THAT(client.GetModel(""),
              StatusIs(absl::StatusCode::kDeadlineExceeded, _));
}

TEST(GrpcConnectionTest, UnknownModelIsNotFound) {
  FakeServer server;
  EXPECT_THAT(Client(server).GetModel("other"),
              StatusIs(absl::StatusCode::kNotFound, _));
}

TEST(GrpcConnectionTest, ListsModels) {
  FakeServer server;
  const auto models = MakeGrpcConnection(Options(server))->ListModels({});
  ASSERT_THAT(models, IsOk());
  ASSERT_THAT(models->models(), SizeIs(1));
  EXPECT_EQ(models->models(0).name(), "tiny");
}

TEST(GrpcConnectionTest, HealthIsAsked) {
  FakeServer server;
  const auto connection = MakeGrpcConnection(Options(server));
  EXPECT_EQ(connection->IsServing({}, "readiness").value(), true);
  server.SetReady(false);
  EXPECT_EQ(connection->IsServing({}, "readiness").value(), false);
  EXPECT_EQ(connection->IsServing({}, "liveness").value(), true);
  EXPECT_THAT(connection->IsServing({}, "no such service"),
              StatusIs(absl::StatusCode::kNotFound, _));
}

TEST(GrpcConnectionTest, ConnectionMayGoBeforeItsCallsDo) {
  std::promise<void> arrived;
  FakeServer server;
  server.on_embed = [&](grpc::ServerContext* context, const v1::EmbedRequest*,
                        v1::EmbedResponse*) {
    arrived.set_value();
    return Hang(context);
  };
  std::promise<absl::Status> done;
  EmbedConnection::Cancel cancel;
  {
    const auto connection = MakeGrpcConnection(Options(server));
    cancel = connection->AsyncEmbed(
        {}, std::make_shared<v1::EmbedRequest>(),
        [&done](absl::StatusOr<v1::EmbedResponse> answer) {
          done.set_value(answer.status());
        });
    arrived.get_future().wait();
  }
  cancel();
  EXPECT_THAT(done.get_future().get(),
              StatusIs(absl::StatusCode::kCancelled, _));
}

}  // namespace
}  // namespace elmo
