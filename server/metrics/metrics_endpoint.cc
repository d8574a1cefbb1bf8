#include "server/metrics/metrics_endpoint.h"

#include <netdb.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/metrics/metric_series.h"

namespace elmo {
namespace {

// A scraper or two at a time, and some that say nothing: each of those holds
// its thread for kTimeoutMs, until it is cut off.
constexpr char kThreads[] = "8";
constexpr char kTimeoutMs[] = "1000";
// Accepted ones that wait for a thread.
constexpr char kQueue[] = "16";
constexpr std::chrono::milliseconds kKnockInterval(2);

// "127.0.0.1" of "127.0.0.1:80", "::1" of "[::1]:80".
std::string HostOf(const std::string& listen) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  if (host.size() < 2 || host.front() != '[') return host;
  return host.substr(1, host.size() - 2);
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(const std::string& listen,
                                 const ServerMetrics& metrics)
    : host_(HostOf(listen)), series_(metrics.series_) {}

MetricsEndpoint::~MetricsEndpoint() {
  if (port_ == 0) return;
  // The HTTP server looks up from its sockets every two seconds to see whether
  // it is to end, or when somebody knocks: a drained process need not wait.
  std::atomic<bool> ended{false};
  std::thread ending;
  try {
    ending = std::thread([this, &ended] {
      exposer_.reset();
      ended = true;
    });
  } catch (const std::system_error&) {  // No thread to be had.
    return;
  }
  while (!ended) {
    Knock();
    std::this_thread::sleep_for(kKnockInterval);
  }
  ending.join();
}

void MetricsEndpoint::Knock() const {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* address = nullptr;
  if (getaddrinfo(host_.c_str(), std::to_string(port_).c_str(), &hints,
                  &address) != 0) {
    return;
  }
  const int fd =
      socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    // Whether it is accepted or refused does not matter.
    static_cast<void>(connect(fd, address->ai_addr, address->ai_addrlen));
    close(fd);
  }
  freeaddrinfo(address);
}

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Create(
    const std::string& listen, const ServerMetrics& metrics) {
  std::unique_ptr<MetricsEndpoint> endpoint(
      new MetricsEndpoint(listen, metrics));
  try {
    endpoint->exposer_ =
        std::make_unique<prometheus::Exposer>(std::vector<std::string>{
            "listening_ports", listen, "num_threads", kThreads,
            "request_timeout_ms", kTimeoutMs, "connection_queue", kQueue});
    endpoint->exposer_->RegisterCollectable(endpoint->series_->registry);
    endpoint->exposer_->RegisterCollectable(endpoint->series_->sampled);
    endpoint->port_ = endpoint->exposer_->GetListeningPorts().at(0);
  } catch (const std::exception&) {  // It does not say why.
    return absl::UnavailableError(absl::StrCat(
        "cannot listen for metrics on ", listen,
        ": the address is in use, not this machine's, or not permitted"));
  }
  return endpoint;
}

}  // namespace elmo
