// Connections that are abused, against the real server.
#include "server/connection_acceptor.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

// An HTTP/2 frame; payloads are shorter than 64 KB.
std::string Frame(char type, char flags, uint32_t stream,
                  const std::string& payload) {
  std::string frame = {0, static_cast<char>(payload.size() >> 8),
                       static_cast<char>(payload.size()), type, flags};
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame += static_cast<char>(stream >> shift);
  }
  return frame + payload;
}

constexpr char kHeaders = 1;
constexpr char kReset = 3;
constexpr char kSettings = 4;
constexpr char kContinuation = 9;
constexpr char kEndHeaders = 4;

std::string Literal(const std::string& name, const std::string& value) {
  return std::string(1, 0) + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

// A plain TCP client that writes what it likes.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
              0);
    EXPECT_TRUE(
        Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "")));
  }
  ~RawClient() { close(socket_); }

  // False once the server has closed the connection. Drops what it sent.
  bool Write(const std::string& bytes) {
    char dropped[65536];
    while (recv(socket_, dropped, sizeof(dropped), MSG_DONTWAIT) > 0) {
    }
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t sent =
          send(socket_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += static_cast<size_t>(sent);
    }
    return true;
  }

 private:
  const int socket_;
};

bool IsServed(const TestServer& server) {
  grpc::ClientContext context;
  v1::EmbedResponse response;
  return v1::EmbeddingService::NewStub(server.NewChannel())
      ->Embed(&context, RequestOf({"a"}), &response)
      .ok();
}

TEST(ConnectionAcceptorTest, SettingsWithoutEndCostTheConnection) {
  const TestServer server;
  ConnectionAcceptor* acceptor =
      const_cast<TestServer&>(server).server().acceptor();
  RawClient flood(acceptor->port());
  std::string settings;
  for (int i = 0; i < 1000; ++i) {
    settings += Frame(kSettings, 0, 0, std::string("\0\4\0\0\xff\xff", 6));
  }
  while (flood.Write(settings)) {
  }
  while (acceptor->stats().closed_for_frames == 0) std::this_thread::yield();
  EXPECT_EQ(acceptor->stats().closed_for_resets, 0);
  EXPECT_TRUE(IsServed(server));  // From the same address, a little later.
}

TEST(ConnectionAcceptorTest, CallsResetWithoutEndCostTheConnection) {
  TestServer server;
  ConnectionAcceptor* acceptor = server.server().acceptor();
  RawClient flood(acceptor->port());
  const std::string headers =
      Literal(":method", "POST") + Literal(":scheme", "http") +
      Literal(":path", "/elmo.v1.EmbeddingService/Embed") +
      Literal(":authority", "x") + Literal("te", "trailers") +
      Literal("content-type", "application/grpc");
  uint32_t stream = 1;
  std::string calls;
  do {
    calls.clear();
    for (int i = 0; i < 100; ++i, stream += 2) {
      calls += Frame(kHeaders, kEndHeaders, stream, headers) +
               Frame(kReset, 0, stream, std::string("\0\0\0\x8", 4));
    }
  } while (flood.Write(calls));
  while (acceptor->stats().closed_for_resets == 0) std::this_thread::yield();
  EXPECT_EQ(acceptor->stats().closed_for_frames, 0);
  EXPECT_TRUE(IsServed(server));
  EXPECT_GE(acceptor->stats().delayed, 1);
}

TEST(ConnectionAcceptorTest, ANumberWithoutEndCostsTheConnection) {
  TestServer server;
  ConnectionAcceptor* acceptor = server.server().acceptor();
  RawClient flood(acceptor->port());
  const std::string more(16000, '\x80');
  ASSERT_TRUE(flood.Write(Frame(kHeaders, 0, 1, '\x7f' + more)));
  while (flood.Write(Frame(kContinuation, 0, 1, more))) {
  }
  while (acceptor->stats().closed_for_frames == 0) std::this_thread::yield();
  EXPECT_EQ(acceptor->stats().closed_for_resets, 0);
  EXPECT_TRUE(IsServed(server));
}

// Large, so that it takes many pieces, while a call of another service is open.
TEST(ConnectionAcceptorTest, UploadsAreServedBesideACallOfAnotherService) {
  TestServer server;
  const auto channel = server.NewChannel();
  RawCall watch(channel, "/grpc.health.v1.Health/Watch");
  ASSERT_TRUE(watch.Write(HealthRequest("")));
  ASSERT_TRUE(watch.Read().has_value());
  const auto stub = v1::EmbeddingService::NewStub(channel);
  const v1::EmbedRequest large =
      RequestOf(std::vector<std::string>(500, std::string(8000, 'x')));
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    v1::EmbedResponse response;
    const grpc::Status status = stub->Embed(&context, large, &response);
    // Whatever it thinks of such words.
    ASSERT_NE(status.error_code(), grpc::StatusCode::UNAVAILABLE)
        << status.error_message();
  }
  EXPECT_EQ(server.server().acceptor()->stats().closed_for_frames, 0);
}

// More at once than a connection may begin with: it waits, but is not lost.
TEST(ConnectionAcceptorTest, HundredsOfUploadsAtOnceOnANewConnectionAreServed) {
  TestServer server;
  const auto stub = v1::EmbeddingService::NewStub(server.NewChannel());
  const v1::EmbedRequest large =
      RequestOf(std::vector<std::string>(150, std::string(60, 'x')));
  constexpr int kCalls = 300;
  std::vector<grpc::ClientContext> contexts(kCalls);
  std::vector<v1::EmbedResponse> responses(kCalls);
  std::vector<std::promise<grpc::Status>> ends(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    stub->async()->Embed(&contexts[i], &large, &responses[i],
                         [&end = ends[i]](const grpc::Status& status) {
                           end.set_value(status);
                         });
  }
  for (auto& end : ends) {
    const grpc::Status status = end.get_future().get();
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(server.server().acceptor()->stats().closed_for_resets, 0);
  EXPECT_EQ(server.server().acceptor()->stats().closed_for_frames, 0);
}

// Keeps so many calls open, each of which begins the next once it has ended.
class BusyCaller {
 public:
  BusyCaller(v1::EmbeddingService::Stub* stub, int in_flight, int calls)
      : stub_(stub), to_begin_(calls - in_flight), open_(in_flight) {
    for (int i = 0; i < in_flight; ++i) Begin();
  }
  // Until all have ended: what ended otherwise than OK or refused.
  std::vector<std::string> Wait() {
    MutexLock lock(&mu_);
    while (open_ > 0) ended_.Wait(&mu_);
    return failures_;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::EmbedResponse response;
  };

  void Begin() {
    auto call = std::make_shared<Call>();
    stub_->async()->Embed(&call->context, &request_, &call->response,
                          [this, call](const grpc::Status& status) {
                            const bool refused =
                                call->context.GetServerTrailingMetadata().count(
                                    "grpc-retry-pushback-ms") > 0;
                            if (End(refused ? grpc::Status::OK : status))
                              Begin();
                          });
  }
  // Whether another one is to begin.
  bool End(const grpc::Status& status) {
    MutexLock lock(&mu_);
    if (!status.ok()) failures_.push_back(status.error_message());
    if (to_begin_-- > 0) return true;
    if (--open_ == 0) ended_.NotifyAll();
    return false;
  }

  v1::EmbeddingService::Stub* const stub_;
  const v1::EmbedRequest request_ = RequestOf({"a"});
  Mutex mu_;
  CondVar ended_;
  int to_begin_ ABSL_GUARDED_BY(mu_);
  int open_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> failures_ ABSL_GUARDED_BY(mu_);
};

// gRPC lets the next call begin before it has let go of the one that ended.
TEST(ConnectionAcceptorTest, AConnectionThatIsAlwaysFullIsServed) {
  for (const int limit : {10, 100}) {
    ServerOptions options = TestServer::Options();
    options.connection.max_concurrent_streams = limit;
    TestServer server(options);
    const auto stub = v1::EmbeddingService::NewStub(server.NewChannel());
    BusyCaller caller(stub.get(), /*in_flight=*/3 * limit, /*calls=*/5000);
    EXPECT_THAT(caller.Wait(), ::testing::IsEmpty());
    EXPECT_EQ(server.server().acceptor()->stats().closed_for_resets, 0);
    EXPECT_EQ(server.server().acceptor()->stats().closed_for_frames, 0);
  }
}

TEST(ConnectionAcceptorTest, ManyCallsLargeOnesAndCancelledOnesAreServed) {
  TestServer server;
  const auto stub = v1::EmbeddingService::NewStub(server.NewChannel());
  std::vector<std::string> tokens(512, std::string(60, 'x'));
  const v1::EmbedRequest large = RequestOf(tokens);
  for (int i = 0; i < 300; ++i) {
    grpc::ClientContext context;
    v1::EmbedResponse response;
    const bool cancels = i % 3 == 2;
    if (cancels) context.TryCancel();
    const grpc::Status status =
        stub->Embed(&context, i % 3 == 0 ? large : RequestOf({"a"}), &response);
    ASSERT_EQ(status.ok(), !cancels) << status.error_message();
  }
  const ConnectionAcceptor::Stats stats = server.server().acceptor()->stats();
  EXPECT_EQ(stats.closed_for_resets, 0);
  EXPECT_EQ(stats.closed_for_frames, 0);
}

}  // namespace
}  // namespace elmo::testing
