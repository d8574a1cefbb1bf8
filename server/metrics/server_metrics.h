#ifndef ELMO_SERVER_METRICS_SERVER_METRICS_H_
#define ELMO_SERVER_METRICS_SERVER_METRICS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "server/batching/batch_observer.h"
#include "server/call_report.h"

namespace elmo {

// One model as metrics show it.
struct ModelFigures {
  std::string name;
  std::string checksum;
  std::string precision;
  std::string isa;  // Instruction set of the inner loops.
  int layers = 0;
  int dim = 0;  // Numbers of a vector.
  int64_t cache_hits = 0;
  int64_t cache_misses = 0;
  int64_t cache_words = 0;
  int64_t cache_bytes = 0;
};

// What is read when somebody asks for the metrics, instead of being kept up to
// date with every call.
struct LoadFigures {
  int64_t queued_tokens = 0;
  int64_t queued_sentences = 0;
  int64_t bytes_in_flight = 0;
  int busy_workers = 0;
  // Changed certificates taken into use, and attempts that were refused.
  int64_t certificate_changes = 0;
  int64_t certificate_failures = 0;
  // Likewise of tokens.
  int64_t token_failures = 0;
  // Seconds since 1970; infinite without TLS.
  double certificate_expiry = std::numeric_limits<double>::infinity();
  // Calls turned away before they were read.
  int64_t unauthenticated_calls = 0;
  int64_t oversized_metadata_calls = 0;
  // Connections of the main port: open, and since the start. Zero for a unix
  // socket.
  int64_t connections_open = 0;
  int64_t connections_refused = 0;
  int64_t connections_delayed = 0;
  int64_t connections_closed_for_resets = 0;
  int64_t connections_closed_for_frames = 0;
  std::vector<ModelFigures> models;
};

// All metrics of a server (docs/metrics.md). Every series exists from the
// start, at zero. Updates cost some ten nanoseconds each.
//
// Thread-safe.
class ServerMetrics final : public BatchObserver {
 public:
  // Shown as they are, so that a graph can set load against limit.
  struct Limits {
    int workers = 1;
    int max_batch_rows = 1;
    int64_t max_batch_tokens = 1;
    int64_t max_queued_tokens = 1;
    int64_t max_bytes_in_flight = 1;
  };

  explicit ServerMetrics(const Limits& limits);
  ~ServerMetrics() override;

  // `sampler` is called for every scrape, by one thread at a time; null: zeros
  // and no models. When this returns, the former one is not running and will
  // not.
  void SetSampler(std::function<LoadFigures()> sampler);

  void BatchEnded(const Batch& batch) override;
  void SentenceStarted(Duration queue_time) override;
  void SentencesExpired(int count) override;
  void SentencesCancelled(int count) override;

  void CallStarted(RpcMethod method);
  // Counts it; to be told before the caller has the answer.
  void CallEnded(const CallReport& report);
  // The call's memory is let go of.
  void CallClosed(RpcMethod method);
  // A valid request, or message of a stream; time 0: it had no text.
  void RequestAccepted(int64_t sentences, int64_t tokens,
                       Duration tokenization_time);

  // A request was turned away without being run; maybe before it was parsed.
  void Refused(RefusalReason reason);

  // A call is ended because its client does not read the answer.
  void AnswerStalled();

  // The models were loaded again: taken into use, or not.
  void ModelsReloaded(bool ok);

  // All of it in Prometheus' text format, as an HTTP client would get it.
  std::string Text() const;

 private:
  friend class MetricsEndpoint;
  class Series;

  const std::shared_ptr<Series> series_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_METRICS_SERVER_METRICS_H_
