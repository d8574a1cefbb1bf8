#ifndef ELMO_SERVER_METRICS_METRIC_SERIES_H_
#define ELMO_SERVER_METRICS_METRIC_SERIES_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <memory>

#include "server/metrics/sampled_metrics.h"
#include "server/metrics/server_metrics.h"

namespace elmo {

// Every series of a ServerMetrics, made once; pointers belong to the registry.
// Thread-safe, as prometheus-cpp's metrics are.
class ServerMetrics::Series {
 public:
  static constexpr int kCodes = 17;  // OK to UNAUTHENTICATED.
  static constexpr int kRefusalReasons = 4;

  explicit Series(const Limits& limits);

  const std::shared_ptr<prometheus::Registry> registry;
  const std::shared_ptr<SampledMetrics> sampled;

  // [RpcMethod][absl::StatusCode]
  std::array<std::array<prometheus::Counter*, kCodes>, kRpcMethods> requests;
  std::array<prometheus::Histogram*, kRpcMethods> request_duration;
  std::array<prometheus::Gauge*, kRpcMethods> calls_open;
  std::array<prometheus::Counter*, kRefusalReasons> refused;
  prometheus::Counter* answers_stalled;
  prometheus::Counter* sentences;
  prometheus::Counter* tokens;
  prometheus::Counter* request_bytes;
  prometheus::Counter* response_bytes;
  prometheus::Histogram* request_tokens;
  prometheus::Histogram* tokenization_duration;

  prometheus::Histogram* queue_duration;
  prometheus::Histogram* compute_duration;
  prometheus::Histogram* batch_rows;
  prometheus::Histogram* batch_tokens;
  prometheus::Counter* expired;
  prometheus::Counter* cancelled_queued;
  prometheus::Counter* cancelled_running;

  prometheus::Counter* model_reloads;
  prometheus::Counter* model_reload_failures;

 private:
  void AddCalls();
  void AddBatches(const Limits& limits);
  void AddLimits(const Limits& limits);
  void AddReloads();

  prometheus::Counter* Counter(const char* name, const char* help,
                               const prometheus::Labels& labels = {});
  prometheus::Gauge* Gauge(const char* name, const char* help,
                           const prometheus::Labels& labels = {});
  prometheus::Histogram* Histogram(
      const char* name, const char* help,
      const prometheus::Histogram::BucketBoundaries& buckets,
      const prometheus::Labels& labels = {});
};

}  // namespace elmo

#endif  // ELMO_SERVER_METRICS_METRIC_SERIES_H_
