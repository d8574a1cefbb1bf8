#ifndef ELMO_SERVER_METRICS_METRICS_ENDPOINT_H_
#define ELMO_SERVER_METRICS_METRICS_ENDPOINT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/metrics/server_metrics.h"

namespace prometheus {
class Exposer;
}

namespace elmo {

// Serves metrics over HTTP, at /metrics of a port of its own.
//
// Thread-compatible.
class MetricsEndpoint {
 public:
  // Accepted at a time; more wait in the system's queue.
  static constexpr int kMaxConnections = 32;

  // `listen`: HOST:PORT, HOST being an address; port 0: one that is free.
  // UNAVAILABLE where it cannot be listened on. Shares what it needs of
  // `metrics`.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Create(
      const std::string& listen, const ServerMetrics& metrics);
  // Waits for scrapes that run.
  ~MetricsEndpoint();

  int port() const { return port_; }

 private:
  MetricsEndpoint(const std::string& listen, const ServerMetrics& metrics);

  // One connection to the port.
  void Knock() const;

  const std::string host_;
  const std::shared_ptr<ServerMetrics::Series> series_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_ = 0;
};

}  // namespace elmo

#endif  // ELMO_SERVER_METRICS_METRICS_ENDPOINT_H_
