#include "server/metrics/server_metrics.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

#include "server/metrics/metric_series.h"

namespace elmo {
namespace {

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

ServerMetrics::ServerMetrics(const Limits& limits)
    : series_(std::make_shared<Series>(limits)) {}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::SetSampler(std::function<LoadFigures()> sampler) {
  series_->sampled->SetSampler(std::move(sampler));
}

void ServerMetrics::BatchEnded(const Batch& batch) {
  series_->batch_rows->Observe(batch.rows);
  series_->batch_tokens->Observe(static_cast<double>(batch.tokens));
  series_->compute_duration->Observe(Seconds(batch.compute_time));
  if (batch.cancelled_rows > 0) {
    series_->cancelled_running->Increment(batch.cancelled_rows);
  }
}

void ServerMetrics::SentenceStarted(Duration queue_time) {
  series_->queue_duration->Observe(Seconds(queue_time));
}

void ServerMetrics::SentencesExpired(int count) {
  series_->expired->Increment(count);
}

void ServerMetrics::SentencesCancelled(int count) {
  series_->cancelled_queued->Increment(count);
}

void ServerMetrics::Refused(RefusalReason reason) {
  series_->refused.at(static_cast<size_t>(reason))->Increment();
}

void ServerMetrics::CallStarted(RpcMethod method) {
  series_->calls_open.at(static_cast<size_t>(method))->Increment();
}

void ServerMetrics::CallEnded(const CallReport& report) {
  const auto method = static_cast<size_t>(report.method);
  const auto code = static_cast<size_t>(report.status.code());
  series_->requests.at(method).at(code)->Increment();
  series_->request_duration.at(method)->Observe(Seconds(report.duration));
  series_->request_bytes->Increment(static_cast<double>(report.request_bytes));
  series_->response_bytes->Increment(
      static_cast<double>(report.response_bytes));
}

void ServerMetrics::CallClosed(RpcMethod method) {
  series_->calls_open.at(static_cast<size_t>(method))->Decrement();
}

void ServerMetrics::RequestAccepted(int64_t sentences, int64_t tokens,
                                    Duration tokenization_time) {
  series_->sentences->Increment(static_cast<double>(sentences));
  series_->tokens->Increment(static_cast<double>(tokens));
  series_->request_tokens->Observe(static_cast<double>(tokens));
  if (tokenization_time > Duration::zero()) {
    series_->tokenization_duration->Observe(Seconds(tokenization_time));
  }
}

void ServerMetrics::AnswerStalled() { series_->answers_stalled->Increment(); }

void ServerMetrics::ModelsReloaded(bool ok) {
  (ok ? series_->model_reloads : series_->model_reload_failures)->Increment();
}

std::string ServerMetrics::Text() const {
  std::vector<prometheus::MetricFamily> families = series_->registry->Collect();
  std::vector<prometheus::MetricFamily> sampled = series_->sampled->Collect();
  families.insert(families.end(), std::make_move_iterator(sampled.begin()),
                  std::make_move_iterator(sampled.end()));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace elmo
