#include "server/embed_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "server/float_encoding.h"
#include "tests/testing/scrape.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::EmbedRequest SessionRequest(const std::vector<std::string>& tokens) {
  v1::EmbedRequest request = RequestOf(tokens);
  request.set_start_state(v1::SESSION);
  return request;
}

// Models of these names; each has an engine of its own.
std::vector<ServedModel> Models(const std::vector<std::string>& names,
                                const std::string& checksum = "c0ffee",
                                FakeEngine** last_engine = nullptr) {
  std::vector<ServedModel> models;
  FakeEngine* engine = nullptr;
  for (const std::string& name : names) {
    models.push_back(FakeModel(&engine));
    models.back().name = name;
    models.back().checksum = checksum;
  }
  if (last_engine != nullptr) *last_engine = engine;
  return models;
}

// A server of such models and a client of it.
struct ModelServer {
  explicit ModelServer(std::vector<ServedModel> models,
                       const ServerOptions& options = TestServer::Options())
      : server(*Server::Create(options, std::move(models))),
        stub(v1::EmbeddingService::NewStub(grpc::CreateChannel(
            server->address(), grpc::InsecureChannelCredentials()))) {}

  const std::unique_ptr<Server> server;
  const std::unique_ptr<v1::EmbeddingService::Stub> stub;
};

// A stream and its end.
class Stream {
 public:
  explicit Stream(TestServer* server) : Stream(&server->stub()) {}
  explicit Stream(v1::EmbeddingService::Stub* stub,
                  std::chrono::system_clock::time_point deadline =
                      std::chrono::system_clock::time_point::max())
      : stream_(
            (context_.set_deadline(deadline), stub->EmbedStream(&context_))) {}

  bool Write(const v1::EmbedRequest& request) {
    return stream_->Write(request);
  }
  void WritesDone() { stream_->WritesDone(); }
  bool Read(v1::EmbedResponse* response) { return stream_->Read(response); }
  // The data of the next answer's only sentence; empty at the end.
  std::string ReadData() {
    v1::EmbedResponse response;
    if (!Read(&response)) return "";
    return response.embeddings(0).data();
  }
  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() { return stream_->Finish(); }
  grpc::ClientContext& context() { return context_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::EmbedRequest, v1::EmbedResponse>>
      stream_;
};

std::string DataOf(const std::vector<std::string>& tokens,
                   const LstmState* start = nullptr) {
  const OutputSpec output;
  return EncodeFloat32(FakeEngine::Values({tokens, &output, start}));
}

TEST(EmbedStreamTest, AnswersComeInTheOrderOfTheRequests) {
  ServerOptions options = TestServer::Options();
  options.scheduler.workers = 3;
  options.scheduler.queue.max_batch_rows = 1;
  TestServer server(options);
  Stream stream(&server);
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      EXPECT_TRUE(stream.Write(RequestOf({std::to_string(i)})));
    }
    stream.WritesDone();
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(stream.ReadData(), DataOf({std::to_string(i)})) << i;
  }
  EXPECT_EQ(stream.ReadData(), "");
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(EmbedStreamTest, AStreamWithoutRequestsEndsWell) {
  TestServer server;
  Stream stream(&server);
  stream.WritesDone();
  EXPECT_EQ(stream.ReadData(), "");
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(EmbedStreamTest, AWrongRequestEndsItAfterTheAnswersBefore) {
  TestServer server;
  Stream stream(&server);
  stream.Write(RequestOf({"a"}));
  stream.Write(RequestOf({"b"}));
  stream.Write(v1::EmbedRequest());  // No sentences.
  stream.Write(RequestOf({"c"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"a"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"b"}));
  EXPECT_EQ(stream.ReadData(), "");
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              StartsWith("request 2: sentences has 0 entries"));
}

TEST(EmbedStreamTest, AnEngineFailureNamesTheRequestAndTheServerGoesOn) {
  TestServer server;
  Stream stream(&server);
  stream.Write(RequestOf({"a"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"a"}));
  server.engine().FailWith(absl::InternalError("broken"));
  stream.Write(RequestOf({"b"}));
  EXPECT_EQ(stream.ReadData(), "");
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), StartsWith("request 1: "));
  server.engine().FailWith(absl::OkStatus());
  Stream next(&server);
  next.Write(RequestOf({"c"}));
  EXPECT_EQ(next.ReadData(), DataOf({"c"}));
}

TEST(EmbedStreamTest, ASessionCarriesStateFromSentenceToSentence) {
  TestServer server;
  Stream stream(&server);
  LstmState state = LstmState::Zero(FakeModelOptions().lstm);
  for (int i = 0; i < 20; ++i) {
    const std::vector<std::string> tokens(i % 4, "w");
    ASSERT_TRUE(stream.Write(SessionRequest(tokens)));
    EXPECT_EQ(stream.ReadData(), DataOf(tokens, &state)) << i;
    const OutputSpec output;
    state = FakeEngine::FinalState({tokens, &output, &state});
  }
}

TEST(EmbedStreamTest, SentencesOfASessionRequestRunOneAfterTheOther) {
  ServerOptions options = TestServer::Options();
  options.scheduler.workers = 3;
  TestServer server(options);
  Stream stream(&server);
  LstmState state = LstmState::Zero(FakeModelOptions().lstm);
  std::vector<std::string> want;
  for (int r = 0; r < 10; ++r) {
    v1::EmbedRequest request;
    request.set_start_state(v1::SESSION);
    for (int s = 0; s < 5; ++s) {
      const std::vector<std::string> tokens(1 + (r + s) % 3, "w");
      auto* sentence = request.add_sentences();
      for (const std::string& token : tokens) sentence->add_tokens(token);
      want.push_back(DataOf(tokens, &state));
      const OutputSpec output;
      state = FakeEngine::FinalState({tokens, &output, &state});
    }
    ASSERT_TRUE(stream.Write(request));
  }
  stream.WritesDone();
  std::vector<std::string> got;
  v1::EmbedResponse response;
  while (stream.Read(&response)) {
    for (const auto& embedding : response.embeddings()) {
      got.push_back(embedding.data());
    }
  }
  EXPECT_EQ(got, want);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(EmbedStreamTest, OtherStartStatesLeaveTheSessionAlone) {
  TestServer server;
  Stream stream(&server);
  LstmState state = LstmState::Zero(FakeModelOptions().lstm);
  stream.Write(SessionRequest({"a"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"a"}, &state));
  stream.Write(RequestOf({"b", "c"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"b", "c"}));
  const std::vector<std::string> tokens = {"a"};
  const OutputSpec output;
  state = FakeEngine::FinalState({tokens, &output, &state});
  stream.Write(SessionRequest({"d"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"d"}, &state));
}

TEST(EmbedStreamTest, TwoStreamsHaveTwoSessions) {
  TestServer server;
  Stream one(&server);
  Stream two(&server);
  const LstmState zero = LstmState::Zero(FakeModelOptions().lstm);
  one.Write(SessionRequest({"a"}));
  EXPECT_EQ(one.ReadData(), DataOf({"a"}, &zero));
  two.Write(SessionRequest({"a"}));
  EXPECT_EQ(two.ReadData(), DataOf({"a"}, &zero));
}

TEST(EmbedStreamTest, ASessionWithTwoModelsEndsAfterTheAnswersBefore) {
  ModelServer server(Models({"one", "two"}));
  Stream stream(server.stub.get());
  LstmState state = LstmState::Zero(FakeModelOptions().lstm);
  v1::EmbedRequest request = SessionRequest({"a"});
  stream.Write(request);
  request.set_model("one");  // The default one, by its name.
  stream.Write(request);
  v1::EmbedRequest aside = RequestOf({"b"});  // Not of the session.
  aside.set_model("two");
  stream.Write(aside);
  request.set_model("two");
  stream.Write(request);
  EXPECT_EQ(stream.ReadData(), DataOf({"a"}, &state));
  const std::vector<std::string> tokens = {"a"};
  const OutputSpec output;
  state = FakeEngine::FinalState({tokens, &output, &state});
  EXPECT_EQ(stream.ReadData(), DataOf({"a"}, &state));
  EXPECT_EQ(stream.ReadData(), DataOf({"b"}));
  EXPECT_EQ(stream.ReadData(), "");
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              StartsWith("request 3: model is \"two\"; the session of this "
                         "stream is with \"one\""));
}

TEST(EmbedStreamTest, ASessionOutlivesAReloadOfTheSameWeightsOnly) {
  ModelServer server(Models({"one"}, "c0ffee"));
  Stream stream(server.stub.get());
  const LstmState zero = LstmState::Zero(FakeModelOptions().lstm);
  const std::vector<std::string> tokens = {"a"};
  const OutputSpec output;
  stream.Write(SessionRequest(tokens));
  EXPECT_EQ(stream.ReadData(), DataOf(tokens, &zero));
  ASSERT_THAT(server.server->ReplaceModels(Models({"one"}, "c0ffee")), IsOk());
  const LstmState state = FakeEngine::FinalState({tokens, &output, &zero});
  stream.Write(SessionRequest(tokens));
  EXPECT_EQ(stream.ReadData(), DataOf(tokens, &state));
  ASSERT_THAT(server.server->ReplaceModels(Models({"one"}, "decaf")), IsOk());
  stream.Write(SessionRequest(tokens));
  EXPECT_EQ(stream.ReadData(), DataOf(tokens, &zero));
}

// Sentences of 64 words each.
v1::EmbedRequest RequestOfLongSentences(int count) {
  v1::EmbedRequest request;
  for (int i = 0; i < count; ++i) {
    v1::Sentence* sentence = request.add_sentences();
    for (int w = 0; w < 64; ++w) sentence->add_tokens("w");
  }
  return request;
}

// Each of its sentences could be done in time, but not one after the other.
TEST(EmbedStreamTest, ASessionRequestThatWouldEndTooLateIsRefusedAtOnce) {
  FakeEngine* engine = nullptr;
  std::vector<ServedModel> models = Models({"slow"}, "c0ffee", &engine);
  engine->TakePerToken(milliseconds(3));  // 0.2 s a sentence, 13 s for 64.
  ModelServer server(std::move(models));
  engine->TakePerToken(milliseconds(0));
  Stream stream(server.stub.get(),
                std::chrono::system_clock::now() + std::chrono::seconds(6));
  v1::EmbedRequest request = RequestOfLongSentences(1);
  request.set_start_state(v1::SESSION);
  stream.Write(request);
  EXPECT_NE(stream.ReadData(), "");
  const size_t runs = engine->batches().size();
  request = RequestOfLongSentences(64);
  request.set_start_state(v1::SESSION);
  stream.Write(request);
  EXPECT_EQ(stream.ReadData(), "");
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(),
              StartsWith("request 1: cannot be done by the deadline"));
  EXPECT_EQ(engine->batches().size(), runs);
  EXPECT_EQ(
      ParseMetrics(server.server->metrics()
                       .Text())["elmo_refused_total{reason=\"deadline\"}"],
      1);
}

TEST(EmbedStreamTest, WhatWouldEndTooLateWaitsForItsOwnStreamButForNoOther) {
  FakeEngine* engine = nullptr;
  std::vector<ServedModel> models = Models({"slow"}, "c0ffee", &engine);
  engine->TakePerToken(milliseconds(3));
  ServerOptions options = TestServer::Options();
  options.scheduler.queue.max_batch_rows = 1;
  ModelServer server(std::move(models), options);
  engine->TakePerToken(milliseconds(0));
  engine->Block();
  const auto deadline =
      std::chrono::system_clock::now() + std::chrono::seconds(24);
  Stream stream(server.stub.get(), deadline);
  stream.Write(RequestOfLongSentences(64));  // 13 s of work each.
  stream.Write(RequestOfLongSentences(64));
  while (ParseMetrics(server.server->metrics().Text())["elmo_sentences_total"] <
         128) {
    std::this_thread::yield();
  }
  Stream other(server.stub.get(), deadline);
  other.Write(RequestOfLongSentences(64));
  EXPECT_EQ(other.ReadData(), "");
  const grpc::Status status = other.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(),
              StartsWith("request 0: cannot be done by the deadline"));
  engine->Unblock();
  EXPECT_NE(stream.ReadData(), "");
  EXPECT_NE(stream.ReadData(), "");
  stream.WritesDone();
  EXPECT_EQ(stream.ReadData(), "");
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(EmbedStreamTest, SessionsAreForStreamsOnly) {
  TestServer server;
  grpc::ClientContext context;
  v1::EmbedResponse response;
  const grpc::Status status =
      server.stub().Embed(&context, SessionRequest({"a"}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("only EmbedStream"));
}

TEST(EmbedStreamTest, AFullQueueHoldsTheStreamBackInsteadOfRefusing) {
  ServerOptions options = TestServer::Options();
  options.limits.max_tokens_per_request = 8;
  options.limits.max_sentences_per_request = 1;
  options.scheduler.queue.max_queued_tokens = 10;
  TestServer server(options);
  server.engine().Block();
  Stream stream(&server);
  std::thread writer([&] {
    for (int i = 0; i < 30; ++i) {
      EXPECT_TRUE(stream.Write(RequestOf(std::vector<std::string>(8, "w"))));
    }
    stream.WritesDone();
  });
  while (server.server().scheduler().queued_tokens() != 10) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  for (int i = 0; i < 30; ++i) EXPECT_NE(stream.ReadData(), "") << i;
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(EmbedStreamTest, CancellingFreesWhatWaited) {
  TestServer server;
  server.engine().Block();
  {
    Stream stream(&server);
    stream.Write(RequestOf({"running"}));
    server.engine().WaitForRuns(4);  // Three were the warm-up.
    stream.Write(RequestOf({"waiting"}));
    while (server.server().scheduler().queued_sentences() == 0) {
      std::this_thread::yield();
    }
    stream.Cancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // While the worker is still busy.
  while (server.server().scheduler().queued_sentences() > 0) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  while (server.server().bytes_in_flight() > 0) std::this_thread::yield();
}

TEST(EmbedStreamTest, AReaderThatStallsLosesItsStreamAndItsMemory) {
  ServerOptions options = TestServer::Options();
  options.stall_timeout = milliseconds(50);
  TestServer server(options);
  Stream stream(&server);
  // Answers of 48 KB each, without end: more than the windows of HTTP/2 hold.
  // Nobody reads.
  v1::EmbedRequest request = RequestOf(std::vector<std::string>(512, "w"));
  request.mutable_output()->mutable_layers();
  std::thread writer([&] {
    while (stream.Write(request)) continue;
  });
  while (server.server().bytes_in_flight() == 0) std::this_thread::yield();
  // Between two answers it may be zero for a moment, but not for long.
  const auto quiet = [&] {
    const auto end = std::chrono::steady_clock::now() + milliseconds(100);
    while (std::chrono::steady_clock::now() < end) {
      if (server.server().bytes_in_flight() > 0) return false;
    }
    return true;
  };
  while (!quiet()) std::this_thread::yield();
  stream.Cancel();
  writer.join();
  Stream other(&server);
  other.Write(RequestOf({"a"}));
  EXPECT_EQ(other.ReadData(), DataOf({"a"}));
}

TEST(EmbedStreamTest, AReaderThatStallsHoldsALimitedPartAndDelaysNobody) {
  ServerOptions options = TestServer::Options();
  options.stall_timeout = std::chrono::hours(1);
  TestServer server(options);
  Stream stalled(&server);
  // As above: answers that nobody reads.
  v1::EmbedRequest request = RequestOf(std::vector<std::string>(512, "w"));
  request.mutable_output()->mutable_layers();
  std::thread writer([&] {
    while (stalled.Write(request)) continue;
  });
  // What a request takes: its bytes, three layers of eight numbers a token as
  // they are computed, and the same as they are sent.
  const int64_t bytes = static_cast<int64_t>(request.ByteSizeLong()) +
                        2 * int64_t{512 * 3 * 8 * sizeof(float)};
  const int64_t most = EmbedStream::kMaxOpen * bytes;
  while (server.server().bytes_in_flight() != most) std::this_thread::yield();
  // On the same connection.
  Stream other(&server);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(other.Write(RequestOf({"a"})));
    EXPECT_EQ(other.ReadData(), DataOf({"a"}));
    EXPECT_LE(server.server().bytes_in_flight(), most + bytes);
  }
  stalled.Cancel();
  writer.join();
}

// Memory is reserved for what runs: what waits for its turn must not pile up.
TEST(EmbedStreamTest, ASessionIsReadOneRequestAhead) {
  TestServer server;
  server.engine().Block();
  Stream stream(&server);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(stream.Write(SessionRequest({"a"})));
  stream.WritesDone();
  server.engine().WaitForRuns(4);  // Three were the warm-up.
  // They come after those six on the same connection.
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    v1::Model model;
    ASSERT_TRUE(server.stub().GetModel(&context, {}, &model).ok());
  }
  const Metrics metrics = ParseMetrics(server.server().metrics().Text());
  EXPECT_LE(metrics["elmo_sentences_total"], 2);
  server.engine().Unblock();
  for (int i = 0; i < 6; ++i) EXPECT_NE(stream.ReadData(), "") << i;
  EXPECT_TRUE(stream.Finish().ok());
}

// Bytes of a request of this test's and its answer, as AcceptedRequest counts
// them: FakeEngine's vectors have 8 numbers, a float32 each, held twice.
int64_t BytesInFlight(const v1::EmbedRequest& request) {
  int64_t words = 0;
  for (const auto& sentence : request.sentences()) {
    words += sentence.tokens_size();
  }
  return static_cast<int64_t>(request.ByteSizeLong()) +
         2 * words * int64_t{8 * sizeof(float)};
}

// A connection has 7000 bytes for what runs and 1000 for what waits.
ServerOptions LittleMemory() {
  ServerOptions options = TestServer::Options();
  options.limits.max_request_bytes = 1000;
  options.limits.max_response_bytes = 1000;
  options.max_bytes_in_flight_per_connection = 8000;
  return options;
}

TEST(EmbedStreamTest, ARequestThatIsHeldBackIsCountedUntilItsStreamEnds) {
  TestServer server(LittleMemory());
  server.engine().Block();
  Stream stream(&server);
  const v1::EmbedRequest first = SessionRequest({"a"});
  const v1::EmbedRequest second = SessionRequest({"b", "c"});
  const auto of_request = static_cast<int64_t>(second.ByteSizeLong());
  stream.Write(first);
  server.engine().WaitForRuns(4);  // Three were the warm-up.
  stream.Write(second);            // Its turn comes after the first.
  while (server.server().bytes_in_flight() !=
         BytesInFlight(first) + of_request) {
    std::this_thread::yield();
  }
  stream.Cancel();
  while (server.server().bytes_in_flight() != BytesInFlight(first)) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  while (server.server().bytes_in_flight() > 0) std::this_thread::yield();
}

// Three of its own answers fill the memory: the others wait, and go on.
TEST(EmbedStreamTest, StreamsThatFillTheMemoryGoOnInTurns) {
  TestServer server(LittleMemory());
  const std::vector<std::string> words(31, "w");
  const v1::EmbedRequest request = RequestOf(words);
  ASSERT_GT(4 * BytesInFlight(request), 7000);
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      Stream stream(&server);  // All on one connection.
      std::thread writer([&] {
        for (int i = 0; i < 30; ++i) EXPECT_TRUE(stream.Write(request));
        stream.WritesDone();
      });
      for (int i = 0; i < 30; ++i) EXPECT_EQ(stream.ReadData(), DataOf(words));
      writer.join();
      EXPECT_TRUE(stream.Finish().ok());
    });
  }
  for (std::thread& caller : callers) caller.join();
  while (server.server().bytes_in_flight() > 0) std::this_thread::yield();
}

TEST(EmbedStreamTest, WhatWaitsBeyondItsRoomEndsItsStreamAndNoOther) {
  TestServer server(LittleMemory());
  server.engine().Block();
  const v1::EmbedRequest short_one = SessionRequest({"a"});
  // Two of them have room to wait, a third has not.
  const v1::EmbedRequest long_one = SessionRequest({std::string(400, 'a')});
  const auto of_request = static_cast<int64_t>(long_one.ByteSizeLong());
  Stream first(&server);
  Stream second(&server);
  int64_t bytes = 0;
  for (Stream* stream : {&first, &second}) {
    stream->Write(short_one);
    stream->Write(long_one);
    bytes += BytesInFlight(short_one) + of_request;
    while (server.server().bytes_in_flight() != bytes) {
      std::this_thread::yield();
    }
  }
  Stream third(&server);
  third.Write(short_one);
  third.Write(long_one);
  bytes += BytesInFlight(short_one);
  while (server.server().bytes_in_flight() != bytes) std::this_thread::yield();
  const std::string refused = "elmo_refused_total{reason=\"bytes_in_flight\"}";
  while (ParseMetrics(server.server().metrics().Text())[refused] != 1) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  // All get the answer to the first request, the third stream no more.
  for (Stream* stream : {&first, &second, &third}) {
    EXPECT_NE(stream->ReadData(), "");
  }
  EXPECT_NE(first.ReadData(), "");
  EXPECT_NE(second.ReadData(), "");
  EXPECT_EQ(third.ReadData(), "");
  const grpc::Status status = third.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(),
              StartsWith("request 1: requests that wait on this connection"));
  EXPECT_THAT(status.error_message(), HasSubstr("limit is 1000"));
}

TEST(EmbedStreamTest, ShutdownAnswersWhatWasAcceptedAndEndsTheStream) {
  TestServer server;
  Stream stream(&server);
  stream.Write(RequestOf({"a"}));
  EXPECT_EQ(stream.ReadData(), DataOf({"a"}));
  server.engine().Block();
  stream.Write(RequestOf({"b"}));
  server.engine().WaitForRuns(5);
  auto stopped =
      std::async(std::launch::async, [&] { server.server().Shutdown(); });
  while (server.server().scheduler().accepting()) std::this_thread::yield();
  server.engine().Unblock();
  EXPECT_EQ(stream.ReadData(), DataOf({"b"}));
  EXPECT_EQ(stream.ReadData(), "");
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopped.get();
}

TEST(EmbedStreamTest, ManyStreamsAtOnceGetTheirOwnAnswers) {
  ServerOptions options = TestServer::Options();
  options.scheduler.workers = 2;
  TestServer server(options);
  std::vector<std::thread> callers;
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&, c] {
      const auto channel = server.NewChannel();
      const auto stub = v1::EmbeddingService::NewStub(channel);
      Stream stream(stub.get());
      for (int i = 0; i < 50; ++i) {
        const std::string word = std::to_string(1000 * c + i);
        ASSERT_TRUE(stream.Write(RequestOf({word})));
        if (c % 4 == 3 && i == 25) {
          stream.Cancel();
          return;
        }
        ASSERT_EQ(stream.ReadData(), DataOf({word}));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace elmo::testing
