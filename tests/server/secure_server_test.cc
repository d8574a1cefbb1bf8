// A server with TLS, tokens and a port for probes, and clients that have, or
// lack, what it asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "server/metrics/metrics_endpoint.h"
#include "server/probe_server.h"
#include "server/server.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/testing/captured_log.h"
#include "tests/testing/certificate_maker.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/scrape.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kReflect[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kChannelz[] = "/grpc.channelz.v1.Channelz/GetServers";
const std::string kToken(40, 't');

CertificateSpec Authority() {
  CertificateSpec spec;
  spec.name = "authority";
  spec.is_authority = true;
  return spec;
}

class SecureServerTest : public ::testing::Test {
 protected:
  SecureServerTest() : authority_(Authority()), leaf_({}, &authority_) {
    options_ = TestServer::Options();
    UsePair(leaf_.pem(), leaf_.key());
  }

  void UsePair(const std::string& chain, const std::string& key) {
    WriteFile(directory_ / "cert.pem", chain);
    WriteFile(directory_ / "key.pem", key);
  }
  void SwitchOnTls() {
    options_.security.tls_cert = directory_ / "cert.pem";
    options_.security.tls_key = directory_ / "key.pem";
  }
  void SwitchOnMutualTls() {
    SwitchOnTls();
    options_.security.tls_client_ca = directory_ / "ca.pem";
    WriteFile(options_.security.tls_client_ca, authority_.pem());
  }
  void SwitchOnTokens() {
    options_.security.auth_tokens_file = directory_ / "tokens";
    WriteFile(options_.security.auth_tokens_file, kToken);
  }

  static std::shared_ptr<grpc::Channel> Channel(
      const TestServer& server,
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    return grpc::CreateCustomChannel(server.server().address(), credentials,
                                     arguments);
  }
  // A new connection that trusts `root` and shows `client`, if any.
  static std::shared_ptr<grpc::Channel> TlsChannel(
      const TestServer& server, const TestCertificate& root,
      const TestCertificate* client = nullptr) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = root.pem();
    if (client != nullptr) {
      ssl.pem_cert_chain = client->pem();
      ssl.pem_private_key = client->key();
    }
    return Channel(server, grpc::SslCredentials(ssl));
  }

  static grpc::Status Embed(const std::shared_ptr<grpc::Channel>& channel,
                            const std::string& authorization = "") {
    grpc::ClientContext context;
    if (!authorization.empty()) {
      context.AddMetadata("authorization", authorization);
    }
    v1::EmbedResponse response;
    return v1::EmbeddingService::NewStub(channel)->Embed(
        &context, RequestOf({"a"}), &response);
  }
  static grpc::StatusCode CodeOf(const std::shared_ptr<grpc::Channel>& channel,
                                 const std::string& method) {
    return RawUnary(channel, method, "", nullptr).error_code();
  }

  const TemporaryDirectory directory_;
  const TestCertificate authority_;
  const TestCertificate leaf_;
  ServerOptions options_;
};

TEST_F(SecureServerTest, TlsServesWhoTrustsTheAuthorityAndNoPlainText) {
  SwitchOnTls();
  const TestServer server(options_);
  EXPECT_TRUE(Embed(TlsChannel(server, authority_)).ok());
  EXPECT_EQ(
      Embed(TlsChannel(server, TestCertificate(Authority()))).error_code(),
      grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Embed(server.NewChannel()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(SecureServerTest, MutualTlsLetsInOnlyCertificatesOfTheAuthority) {
  SwitchOnMutualTls();
  const TestServer server(options_);
  CertificateSpec spec;
  spec.name = "client";
  spec.for_client_only = true;
  const TestCertificate client(spec, &authority_);
  EXPECT_TRUE(Embed(TlsChannel(server, authority_, &client)).ok());
  EXPECT_FALSE(Embed(TlsChannel(server, authority_)).ok());
  const TestCertificate stranger(spec);
  EXPECT_FALSE(Embed(TlsChannel(server, authority_, &stranger)).ok());
  spec.not_after = -60;
  const TestCertificate expired(spec, &authority_);
  EXPECT_FALSE(Embed(TlsChannel(server, authority_, &expired)).ok());
}

TEST_F(SecureServerTest, NewPairIsShownToNewConnectionsAndFailsNoCall) {
  SwitchOnTls();
  TestServer server(options_);
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  std::atomic<int> failures{0};
  std::thread old_connection([&] {
    const auto channel = TlsChannel(server, authority_);
    while (!stop) failures += Embed(channel).ok() ? 0 : 1, ++calls;
  });
  std::thread new_connections([&] {
    while (!stop) {
      failures += Embed(TlsChannel(server, authority_)).ok() ? 0 : 1;
      ++calls;
    }
  });
  for (int i = 0; i < 10; ++i) {
    // The key and the certificate of the same authority, one after the other.
    const TestCertificate next({}, &authority_);
    UsePair(next.pem(), next.key());
    EXPECT_TRUE(server.server().security().Reload().ok());
    const int seen = calls;
    while (calls < seen + 5) std::this_thread::yield();
  }
  stop = true;
  old_connection.join();
  new_connections.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GE(calls, 50);
  EXPECT_EQ(server.server().security().stats().certificate_changes, 10);

  // Of another authority: who trusts the old one alone sees that it changed.
  const TestCertificate other(Authority());
  const TestCertificate last({}, &other);
  UsePair(last.pem(), last.key());
  EXPECT_TRUE(server.server().security().Reload().ok());
  EXPECT_TRUE(Embed(TlsChannel(server, other)).ok());
  EXPECT_FALSE(Embed(TlsChannel(server, authority_)).ok());
}

TEST_F(SecureServerTest, BadPairsDisturbNobody) {
  SwitchOnTls();
  TestServer server(options_);
  const auto open = TlsChannel(server, authority_);
  ASSERT_TRUE(Embed(open).ok());
  CertificateSpec old;
  old.not_after = -60;
  const TestCertificate expired(old, &authority_);
  const std::vector<std::pair<std::string, std::string>> bad = {
      {leaf_.pem(), TestCertificate().key()},
      {expired.pem(), expired.key()},
      {leaf_.pem().substr(0, 300), leaf_.key()},
      {"garbage", "garbage"},
      {"", ""}};
  for (const auto& [chain, key] : bad) {
    UsePair(chain, key);
    EXPECT_FALSE(server.server().security().Reload().ok());
    EXPECT_TRUE(Embed(TlsChannel(server, authority_)).ok());
    EXPECT_TRUE(Embed(open).ok());
  }
}

TEST_F(SecureServerTest, NewClientAuthorityIsAskedForFromThenOn) {
  SwitchOnMutualTls();
  TestServer server(options_);
  CertificateSpec spec;
  spec.name = "client";
  const TestCertificate other(Authority());
  const TestCertificate old_client(spec, &authority_);
  const TestCertificate new_client(spec, &other);
  EXPECT_FALSE(Embed(TlsChannel(server, authority_, &new_client)).ok());
  WriteFile(options_.security.tls_client_ca, other.pem());
  EXPECT_TRUE(server.server().security().Reload().ok());
  EXPECT_TRUE(Embed(TlsChannel(server, authority_, &new_client)).ok());
  EXPECT_FALSE(Embed(TlsChannel(server, authority_, &old_client)).ok());
}

TEST_F(SecureServerTest, TokensAreAskedForInEveryServiceButHealth) {
  SwitchOnTokens();
  options_.channelz = true;
  const TestServer server(options_);
  const auto channel = server.NewChannel();
  EXPECT_TRUE(Embed(channel, "Bearer " + kToken).ok());
  const grpc::Status without = Embed(channel);
  EXPECT_EQ(without.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(without.error_message(), HasSubstr("Bearer TOKEN"));
  const std::string wrong(40, 'w');
  const grpc::Status refused = Embed(channel, "Bearer " + wrong);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(refused.error_message(), Not(HasSubstr(wrong)));
  for (const char* method :
       {"/elmo.v1.EmbeddingService/Embed", "/elmo.v1.EmbeddingService/GetModel",
        "/elmo.v1.EmbeddingService/ListModels",
        "/elmo.v1.EmbeddingService/EmbedStream", "/no.Such/Method", kReflect,
        kChannelz}) {
    EXPECT_EQ(CodeOf(channel, method), grpc::StatusCode::UNAUTHENTICATED)
        << method;
  }
  EXPECT_EQ(HealthOf(channel, "readiness"), "SERVING");
}

// gRPC tells nobody else of such calls.
TEST_F(SecureServerTest, RefusedTokensAreLoggedSeldomAndWithoutThem) {
  SwitchOnMutualTls();
  SwitchOnTokens();
  const TestServer server(options_);
  CertificateSpec spec;
  spec.name = "crawler";
  spec.for_client_only = true;
  const TestCertificate client(spec, &authority_);
  const auto channel = TlsChannel(server, authority_, &client);
  const std::string wrong(40, 'w');
  const CapturedLog log(LogFormat::kText);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(Embed(channel, wrong).ok());
  const auto passed = std::chrono::steady_clock::now() - start;
  const std::vector<std::string> lines = log.lines();
  ASSERT_FALSE(lines.empty());
  EXPECT_LE(lines.size(), 1 + passed / std::chrono::seconds(1));
  EXPECT_THAT(lines[0], HasSubstr(" warn calls refused by their metadata "
                                  "code=UNAUTHENTICATED error="));
  EXPECT_THAT(lines[0], HasSubstr(" refused=1 certificate=crawler"));
  EXPECT_THAT(lines, Each(Not(HasSubstr(wrong))));
}

TEST_F(SecureServerTest, ReloadedTokensHoldFromTheNextCallOn) {
  SwitchOnTls();
  SwitchOnTokens();
  TestServer server(options_);
  const auto channel = TlsChannel(server, authority_);
  ASSERT_TRUE(Embed(channel, "Bearer " + kToken).ok());
  const std::string next(40, 'n');
  WriteFile(options_.security.auth_tokens_file, next);
  ASSERT_TRUE(server.server().security().Reload().ok());
  EXPECT_EQ(Embed(channel, "Bearer " + kToken).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Embed(channel, "Bearer " + next).ok());
}

TEST_F(SecureServerTest, TokensThatCannotBeUsedAreCountedAndTheOldOnesStay) {
  SwitchOnTokens();
  TestServer server(options_);
  WriteFile(options_.security.auth_tokens_file, "short");
  EXPECT_FALSE(server.server().security().Reload().ok());
  EXPECT_TRUE(Embed(server.NewChannel(), "Bearer " + kToken).ok());
  const Metrics m = ParseMetrics(server.server().metrics().Text());
  EXPECT_EQ(m["elmo_token_reload_failures_total"], 1);
  EXPECT_EQ(m["elmo_tls_reload_failures_total"], 0);
}

TEST_F(SecureServerTest, LargeMetadataIsRefusedBeforeTheMethod) {
  options_.security.max_metadata_bytes = 4096;
  TestServer server(options_);
  const auto call = [&](size_t bytes) {
    grpc::ClientContext context;
    context.AddMetadata("x-filler", std::string(bytes, 'x'));
    v1::EmbedResponse response;
    return server.stub().Embed(&context, RequestOf({"a"}), &response);
  };
  EXPECT_TRUE(call(3000).ok());
  const grpc::Status refused = call(4096);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("limit is 4096"));
  EXPECT_EQ(server.server().security().stats().oversized_metadata_calls, 1);
  EXPECT_TRUE(call(3000).ok());
  // By gRPC itself, at twice the limit.
  EXPECT_EQ(call(100000).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Embed(server.NewChannel()).ok());
}

TEST_F(SecureServerTest, ProbePortAnswersHealthAsTheMainOneAndNothingElse) {
  SwitchOnMutualTls();
  SwitchOnTokens();
  options_.channelz = true;
  options_.security.probe_listen = "127.0.0.1:0";
  options_.drain_delay = std::chrono::seconds(2);
  TestServer server(options_);
  ASSERT_GT(server.server().probe_port(), 0);
  const auto probe = grpc::CreateChannel(
      "127.0.0.1:" + std::to_string(server.server().probe_port()),
      grpc::InsecureChannelCredentials());
  for (const char* name :
       {"", "liveness", "readiness", "elmo.v1.EmbeddingService"}) {
    EXPECT_EQ(HealthOf(probe, name), "SERVING") << name;
  }
  for (const char* method :
       {"/elmo.v1.EmbeddingService/Embed",
        "/elmo.v1.EmbeddingService/ListModels", kReflect, kChannelz}) {
    EXPECT_EQ(CodeOf(probe, method), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
  RawCall watch(probe, "/grpc.health.v1.Health/Watch");  // Holds up nothing.
  ASSERT_TRUE(watch.Write(HealthRequest("")));
  ASSERT_TRUE(watch.Read().has_value());
  std::thread stopping([&] { server.server().Shutdown(); });
  while (HealthOf(probe, "readiness") == "SERVING") std::this_thread::yield();
  EXPECT_EQ(HealthOf(probe, "readiness"), "NOT_SERVING");
  EXPECT_EQ(HealthOf(probe, "liveness"), "SERVING");
  stopping.join();
}

TEST_F(SecureServerTest, ConnectionsOverTheLimitAreClosedUntilOthersEnd) {
  options_.connection.max_connections = 3;
  TestServer server(options_);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 3; ++i) {
    channels.push_back(server.NewChannel());
    EXPECT_TRUE(Embed(channels.back()).ok());
  }
  EXPECT_EQ(server.server().acceptor()->connections(), 3);
  EXPECT_EQ(Embed(server.NewChannel()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_GE(server.server().acceptor()->stats().refused, 1);
  EXPECT_TRUE(Embed(channels[0]).ok());
  channels.pop_back();
  while (!Embed(server.NewChannel()).ok()) std::this_thread::yield();
  EXPECT_TRUE(Embed(channels[0]).ok());
}

// This process may open so many descriptors.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t count) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit less = {count, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &less), 0);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

// Connects until there is no descriptor left.
std::vector<int> TakeAllDescriptors(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> sockets;
  for (;;) {
    const int silent = socket(AF_INET, SOCK_STREAM, 0);
    if (silent < 0) return sockets;
    sockets.push_back(silent);
    EXPECT_EQ(connect(silent, reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
              0);
  }
}

// Whose listener gRPC would give up for ever.
TEST_F(SecureServerTest, ProbePortAnswersAgainAfterTheDescriptorsRanOut) {
  options_.security.probe_listen = "127.0.0.1:0";
  TestServer server(options_);
  const int port = server.server().probe_port();
  const auto probe = [port] {
    return grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                               grpc::InsecureChannelCredentials());
  };
  EXPECT_EQ(HealthOf(probe(), ""), "SERVING");
  EXPECT_TRUE(Embed(server.channel()).ok());
  {
    const DescriptorLimit limit(400);
    const std::vector<int> sockets = TakeAllDescriptors(port);
    EXPECT_GT(sockets.size(), 2 * size_t{ProbeServer::kMaxConnections});
    // While the port's listener meets that.
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(Embed(server.channel()).ok());
    for (const int silent : sockets) close(silent);
  }
  const auto again = probe();
  ASSERT_TRUE(again->WaitForConnected(std::chrono::system_clock::now() +
                                      std::chrono::seconds(30)));
  EXPECT_EQ(HealthOf(again, ""), "SERVING");
}

TEST_F(SecureServerTest, ProbesAndMetricsHaveDescriptorsOfTheirOwn) {
  const DescriptorLimit limit(400);
  const auto max_connections = [this] {
    return TestServer(options_).server().acceptor()->max_connections();
  };
  const int alone = max_connections();
  EXPECT_LT(alone, 400);
  options_.security.probe_listen = "127.0.0.1:0";
  EXPECT_EQ(max_connections(), alone - ProbeServer::kMaxConnections);
  options_.metrics_listen = "127.0.0.1:0";
  EXPECT_EQ(max_connections(), alone - ProbeServer::kMaxConnections -
                                   MetricsEndpoint::kMaxConnections);
}

TEST_F(SecureServerTest, ProbePortInUseIsAnErrorThatNamesTheAddress) {
  const TestServer server(options_);
  options_.security.probe_listen = server.server().address();
  FakeEngine* engine = nullptr;
  std::vector<ServedModel> models;
  models.push_back(FakeModel(&engine));
  EXPECT_THAT(Server::Create(options_, std::move(models)).status().message(),
              HasSubstr(options_.security.probe_listen));
}

}  // namespace
}  // namespace elmo::testing
