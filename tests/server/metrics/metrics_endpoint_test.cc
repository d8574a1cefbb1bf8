#include "server/metrics/metrics_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <vector>

#include "tests/testing/scrape.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<MetricsEndpoint> Listen(const ServerMetrics& metrics,
                                        const std::string& address) {
  auto endpoint = MetricsEndpoint::Create(address, metrics);
  EXPECT_THAT(endpoint, IsOk());
  return endpoint.ok() ? *std::move(endpoint) : nullptr;
}

TEST(MetricsEndpointTest, ServesTheMetricsAndNothingElse) {
  ServerMetrics metrics({});
  const auto endpoint = Listen(metrics, "127.0.0.1:0");
  ASSERT_NE(endpoint, nullptr);
  ASSERT_GT(endpoint->port(), 0);
  metrics.SentencesExpired(7);
  EXPECT_EQ(Scrape(endpoint->port())["elmo_sentences_expired_total"], 7);
  for (const char* path : {"/", "/etc/passwd", "/../../etc/passwd"}) {
    EXPECT_THAT(HttpGet(endpoint->port(), path), HasSubstr(" 404 ")) << path;
  }
}

int ConnectTo(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&address),
                    sizeof(address)),
            0);
  return connection;
}

// More than there are threads, so that they have to be cut off.
TEST(MetricsEndpointTest, ConnectionsThatSayNothingDoNotBlockScrapes) {
  const ServerMetrics metrics({});
  const auto endpoint = Listen(metrics, "127.0.0.1:0");
  ASSERT_NE(endpoint, nullptr);
  std::vector<int> silent(20);
  for (int& connection : silent) connection = ConnectTo(endpoint->port());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Scrape(endpoint->port())["elmo_sentences_expired_total"], 0);
  // A Prometheus waits so long.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  for (const int connection : silent) close(connection);
}

TEST(MetricsEndpointTest, PortInUseIsAnErrorThatNamesTheAddress) {
  const ServerMetrics metrics({});
  const auto endpoint = Listen(metrics, "127.0.0.1:0");
  ASSERT_NE(endpoint, nullptr);
  const std::string address = "127.0.0.1:" + std::to_string(endpoint->port());
  EXPECT_THAT(MetricsEndpoint::Create(address, metrics),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST(MetricsEndpointTest, AddressThatCannotBeIsAnError) {
  const ServerMetrics metrics({});
  for (const char* address : {"no.such.host.invalid:0", "192.0.2.1:0", "x"}) {
    EXPECT_THAT(MetricsEndpoint::Create(address, metrics),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
  }
}

TEST(MetricsEndpointTest, ListensOnAnyAddressAndEndsAtOnce) {
  const ServerMetrics metrics({});
  const auto start = std::chrono::steady_clock::now();
  for (const char* address : {"0.0.0.0:0", "[::]:0", "127.0.0.1:0"}) {
    const auto endpoint = MetricsEndpoint::Create(address, metrics);
    if (!endpoint.ok() && address[0] == '[') continue;  // A machine without v6.
    ASSERT_THAT(endpoint, IsOk()) << address;
    EXPECT_GT((*endpoint)->port(), 0) << address;
  }
  // Left to itself the HTTP server takes two seconds each time.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(MetricsEndpointTest, AfterTheEndNothingListens) {
  const ServerMetrics metrics({});
  auto endpoint = Listen(metrics, "127.0.0.1:0");
  ASSERT_NE(endpoint, nullptr);
  const int port = endpoint->port();
  endpoint.reset();
  EXPECT_EQ(HttpGet(port, "/metrics"), "");
}

// The metrics that docs/metrics.md lists, with their types.
std::set<std::string> Documented() {
  std::ifstream file(ELMO_SOURCE_DIR "/docs/metrics.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::set<std::string> metrics;
  // | `name` | type | ...
  const std::regex row("\n\\| `([a-z_]+)` \\| ([a-z]+) \\|");
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end;
       ++it) {
    metrics.insert((*it)[1].str() + " " + (*it)[2].str());
  }
  return metrics;
}

TEST(MetricsEndpointTest, MetricsPageListsEveryMetricAndNoOther) {
  const ServerMetrics metrics({});
  const auto endpoint = Listen(metrics, "127.0.0.1:0");
  ASSERT_NE(endpoint, nullptr);
  std::set<std::string> served;
  for (const auto& [name, type] : Scrape(endpoint->port()).types) {
    served.insert(name + " " + type);
  }
  EXPECT_EQ(Documented(), served);
}

}  // namespace
}  // namespace elmo::testing
