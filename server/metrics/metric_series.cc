#include "server/metrics/metric_series.h"

#include <limits>
#include <string>

namespace elmo {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const char* ReasonName(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kDeadline:
      return "deadline";
    case RefusalReason::kDraining:
      return "draining";
    case RefusalReason::kBytesInFlight:
      return "bytes_in_flight";
    case RefusalReason::kQueueFull:
      break;
  }
  return "queue_full";
}

// 1, 2, 5 a decade from 100 microseconds to 10 s, and the default deadline.
Buckets Durations() {
  return {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
          0.1,    0.2,    0.5,    1,     2,     5,     10,   60};
}

// Powers of two up to the first that is not below `max`.
Buckets PowersOfTwo(int64_t max) {
  Buckets buckets = {1};
  while (buckets.back() < static_cast<double>(max)) {
    buckets.push_back(2 * buckets.back());
  }
  return buckets;
}

}  // namespace

ServerMetrics::Series::Series(const Limits& limits)
    : registry(std::make_shared<prometheus::Registry>(
          // Series of one name are made one by one.
          prometheus::Registry::InsertBehavior::Merge)),
      sampled(std::make_shared<SampledMetrics>()) {
  AddCalls();
  AddBatches(limits);
  AddLimits(limits);
  AddReloads();
}

void ServerMetrics::Series::AddCalls() {
  for (int m = 0; m < kRpcMethods; ++m) {
    const std::string method = MethodName(static_cast<RpcMethod>(m));
    for (int code = 0; code < kCodes; ++code) {
      requests[m][code] =
          Counter("elmo_requests_total", "Calls that ended",
                  {{"method", method},
                   {"code", CodeName(static_cast<absl::StatusCode>(code))}});
    }
    request_duration[m] =
        Histogram("elmo_request_duration_seconds",
                  "From a call's arrival until it is answered", Durations(),
                  {{"method", method}});
    calls_open[m] =
        Gauge("elmo_calls_open",
              "Calls that are not over, until their answers are sent",
              {{"method", method}});
  }
  for (int r = 0; r < kRefusalReasons; ++r) {
    refused[r] =
        Counter("elmo_refused_total",
                "Requests that were turned away without being run",
                {{"reason", ReasonName(static_cast<RefusalReason>(r))}});
  }
  answers_stalled = Counter("elmo_answers_stalled_total",
                            "Answers that were not read: their calls were "
                            "ended by --stall-timeout");
  sentences = Counter("elmo_sentences_total", "Sentences of valid requests");
  tokens = Counter("elmo_tokens_total",
                   "Tokens of valid requests, boundaries not counted");
  request_bytes = Counter("elmo_request_bytes_total",
                          "Bytes of valid requests of calls that ended");
  response_bytes = Counter("elmo_response_bytes_total",
                           "Bytes of answers of calls that ended");
  request_tokens = Histogram("elmo_request_tokens", "Tokens of a valid request",
                             PowersOfTwo(4096));
  tokenization_duration =
      Histogram("elmo_tokenization_duration_seconds",
                "Splitting a request's texts into tokens", Durations());
}

void ServerMetrics::Series::AddBatches(const Limits& limits) {
  queue_duration =
      Histogram("elmo_queue_duration_seconds",
                "A sentence's wait until its batch began", Durations());
  compute_duration = Histogram("elmo_compute_duration_seconds",
                               "A batch in the engine", Durations());
  batch_rows = Histogram("elmo_batch_rows", "Sentences of a batch",
                         PowersOfTwo(limits.max_batch_rows));
  batch_tokens =
      Histogram("elmo_batch_tokens", "Tokens of a batch, boundaries included",
                PowersOfTwo(limits.max_batch_tokens));
  expired = Counter("elmo_sentences_expired_total",
                    "Sentences whose deadline passed before a worker was free");
  const char kCancelled[] = "elmo_sentences_cancelled_total";
  const char kCancelledHelp[] = "Sentences whose caller went away";
  cancelled_queued = Counter(kCancelled, kCancelledHelp, {{"stage", "queued"}});
  cancelled_running =
      Counter(kCancelled, kCancelledHelp, {{"stage", "running"}});
}

void ServerMetrics::Series::AddLimits(const Limits& limits) {
  Gauge("elmo_workers", "Compute threads")->Set(limits.workers);
  Gauge("elmo_max_batch_rows", "Most sentences of a batch")
      ->Set(limits.max_batch_rows);
  Gauge("elmo_max_batch_tokens", "Most tokens of a batch")
      ->Set(static_cast<double>(limits.max_batch_tokens));
  Gauge("elmo_max_queued_tokens", "Most tokens that may wait")
      ->Set(static_cast<double>(limits.max_queued_tokens));
  Gauge("elmo_max_bytes_in_flight", "Most bytes in flight")
      ->Set(static_cast<double>(limits.max_bytes_in_flight));
  Gauge("elmo_build_info", "The program; always 1",
        {{"version", ELMO_VERSION}, {"compiler", __VERSION__}})
      ->Set(1);
}

void ServerMetrics::Series::AddReloads() {
  model_reloads =
      Counter("elmo_model_reloads_total",
              "Times that the models were loaded again and taken into use");
  model_reload_failures =
      Counter("elmo_model_reload_failures_total",
              "Times that they could not be loaded again: the old ones go on");
}

prometheus::Counter* ServerMetrics::Series::Counter(
    const char* name, const char* help, const prometheus::Labels& labels) {
  return &prometheus::BuildCounter()
              .Name(name)
              .Help(help)
              .Register(*registry)
              .Add(labels);
}

prometheus::Gauge* ServerMetrics::Series::Gauge(
    const char* name, const char* help, const prometheus::Labels& labels) {
  return &prometheus::BuildGauge()
              .Name(name)
              .Help(help)
              .Register(*registry)
              .Add(labels);
}

prometheus::Histogram* ServerMetrics::Series::Histogram(
    const char* name, const char* help, const Buckets& buckets,
    const prometheus::Labels& labels) {
  return &prometheus::BuildHistogram()
              .Name(name)
              .Help(help)
              .Register(*registry)
              .Add(labels, buckets);
}

}  // namespace elmo
