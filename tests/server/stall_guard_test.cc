// Answers that are read slowly or not at all, against the real server.
#include "server/stall_guard.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/testing/captured_log.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/scrape.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kStalled[] = "elmo_answers_stalled_total";
constexpr char kOk[] = "elmo_requests_total{code=\"OK\",method=\"Embed\"}";

std::string Cancelled(const std::string& method) {
  return "elmo_requests_total{code=\"CANCELLED\",method=\"" + method + "\"}";
}

ServerOptions Options(milliseconds stall_timeout) {
  ServerOptions options = TestServer::Options();
  options.stall_timeout = stall_timeout;
  options.limits.max_sentences_per_request = 256;
  options.limits.max_tokens_per_request = 131072;
  options.scheduler.queue.max_queued_tokens = 1 << 20;
  return options;
}

// An answer of 48 KB a sentence: three layers of eight numbers a word.
v1::EmbedRequest RequestOfLongSentences(int count) {
  v1::EmbedRequest request;
  request.mutable_output()->mutable_layers();
  for (int i = 0; i < count; ++i) {
    v1::Sentence* sentence = request.add_sentences();
    for (int w = 0; w < 512; ++w) sentence->add_tokens("w");
  }
  return request;
}

Metrics MetricsOf(TestServer* server) {
  return ParseMetrics(server->server().metrics().Text());
}

// What a call that is not read leaves behind. Its answer has 12 MB: gRPC's
// client takes 4 MB unasked.
void ExpectStalled(TestServer* server, const std::string& method) {
  CapturedLog log(LogFormat::kText);
  RawCall call(server->channel(), "/elmo.v1.EmbeddingService/" + method);
  ASSERT_TRUE(call.Write(RequestOfLongSentences(256).SerializeAsString()));
  ASSERT_TRUE(call.WritesDone());
  while (MetricsOf(server)[Cancelled(method)] == 0) std::this_thread::yield();
  EXPECT_EQ(MetricsOf(server)[kStalled], 1);
  EXPECT_EQ(MetricsOf(server)[kOk], 0);
  EXPECT_THAT(
      log.lines(),
      Contains(AllOf(HasSubstr("code=CANCELLED"), HasSubstr("method=" + method),
                     HasSubstr("ended by --stall-timeout"), HasSubstr("peer="),
                     HasSubstr("request_id="))));
  while (server->server().bytes_in_flight() > 0) std::this_thread::yield();
  EXPECT_EQ(call.Read(), std::nullopt);
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(StallGuardTest, AnAnswerThatIsNotReadIsCountedAndLoggedAsCancelled) {
  TestServer server(Options(milliseconds(100)));
  ExpectStalled(&server, "Embed");
}

TEST(StallGuardTest, AStreamsAnswerThatIsNotReadIsCountedAndLoggedAlike) {
  TestServer server(Options(milliseconds(100)));
  ExpectStalled(&server, "EmbedStream");
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool SendAll(int socket, const char* bytes, ssize_t size) {
  for (ssize_t sent = 0; size > 0; bytes += sent, size -= sent) {
    sent = send(socket, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent <= 0) return false;
  }
  return true;
}

// One connection to a server by way of a slow line: of what the server sends it
// takes 32 KB at a time, and no more than `bytes_per_second`.
class SlowLine {
 public:
  SlowLine(int port, double bytes_per_second)
      : listener_(socket(AF_INET, SOCK_STREAM, 0)),
        server_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, any, size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    // Or else the kernel reads ahead.
    SetSocketOption(server_, SOL_SOCKET, SO_RCVBUF, 64 << 10);
    address = Loopback(port);
    EXPECT_EQ(connect(server_, any, sizeof(address)), 0);
    up_ = std::thread([this, bytes_per_second] {
      client_ = accept(listener_, nullptr, nullptr);
      down_ = std::thread([this, bytes_per_second] { Down(bytes_per_second); });
      Up();
    });
  }
  // Its client must have gone.
  ~SlowLine() {
    up_.join();
    down_.join();
    for (const int socket : {listener_, server_, client_}) close(socket);
  }

  int port() const { return port_; }

 private:
  void Up() const {
    char bytes[32 << 10];
    ssize_t count = 0;
    do {
      count = recv(client_, bytes, sizeof(bytes), 0);
    } while (count > 0 && SendAll(server_, bytes, count));
    shutdown(server_, SHUT_RDWR);
  }
  void Down(double bytes_per_second) const {
    char bytes[32 << 10];
    const auto start = steady_clock::now();
    double total = 0;
    for (;;) {
      const ssize_t count = recv(server_, bytes, sizeof(bytes), 0);
      if (count <= 0 || !SendAll(client_, bytes, count)) break;
      total += static_cast<double>(count);
      const std::chrono::duration<double> due(total / bytes_per_second);
      while (steady_clock::now() - start < due) std::this_thread::yield();
    }
    shutdown(client_, SHUT_RDWR);
  }

  const int listener_;
  const int server_;
  int client_ = -1;
  int port_ = 0;
  std::thread down_;
  std::thread up_;
};

// 12 MB in three times the timeout.
TEST(StallGuardTest, AnAnswerThatIsReadSlowlyArrives) {
  TestServer server(Options(milliseconds(1000)));
  SlowLine line(server.server().port(), 4e6);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel =
      grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(line.port()),
                                grpc::InsecureChannelCredentials(), arguments);
  const auto start = steady_clock::now();
  grpc::ClientContext context;
  v1::EmbedResponse response;
  const grpc::Status status = v1::EmbeddingService::NewStub(channel)->Embed(
      &context, RequestOfLongSentences(256), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.embeddings_size(), 256);
  EXPECT_GE(steady_clock::now() - start, milliseconds(2000));
  while (MetricsOf(&server)[kOk] == 0) std::this_thread::yield();
  EXPECT_EQ(MetricsOf(&server)[kStalled], 0);
}

}  // namespace
}  // namespace elmo::testing
