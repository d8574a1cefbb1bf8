#include "server/metrics/sampled_metrics.h"

#include <string>
#include <utility>

#include "server/metrics/process_figures.h"

namespace elmo {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

ClientMetric Metric(MetricType type, double value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
      value;
  return metric;
}

MetricFamily Family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

// One series without labels.
MetricFamily Single(const char* name, const char* help, MetricType type,
                    double value) {
  MetricFamily family = Family(name, help, type);
  family.metric.push_back(Metric(type, value));
  return family;
}

MetricFamily Gauge(const char* name, const char* help, double value) {
  return Single(name, help, MetricType::Gauge, value);
}

void AddLoad(const LoadFigures& load, std::vector<MetricFamily>* families) {
  families->push_back(Gauge("elmo_queue_tokens",
                            "Tokens that wait for a worker, boundaries "
                            "included",
                            static_cast<double>(load.queued_tokens)));
  families->push_back(Gauge("elmo_queue_sentences",
                            "Sentences that wait for a worker",
                            static_cast<double>(load.queued_sentences)));
  families->push_back(
      Gauge("elmo_bytes_in_flight",
            "Memory of requests and answers from arrival until sent",
            static_cast<double>(load.bytes_in_flight)));
  families->push_back(Gauge("elmo_workers_busy", "Workers that compute a batch",
                            load.busy_workers));
}

void AddSecurity(const LoadFigures& load, std::vector<MetricFamily>* families) {
  families->push_back(
      Gauge("elmo_tls_certificate_expiry_timestamp_seconds",
            "When the certificate in use runs out, in seconds since 1970; "
            "+Inf without TLS",
            load.certificate_expiry));
  const struct {
    const char* name;
    const char* help;
    int64_t value;
  } counters[] = {
      {"elmo_tls_reloads_total", "Changed certificates taken into use",
       load.certificate_changes},
      {"elmo_tls_reload_failures_total",
       "Attempts to read certificates that failed: the old ones go on",
       load.certificate_failures},
      {"elmo_token_reload_failures_total",
       "Attempts to read tokens that failed: the old ones go on",
       load.token_failures},
      {"elmo_unauthenticated_total",
       "Calls turned away for want of a right token",
       load.unauthenticated_calls},
      {"elmo_oversized_metadata_total",
       "Calls turned away for the size of their metadata",
       load.oversized_metadata_calls},
  };
  for (const auto& counter : counters) {
    families->push_back(Single(counter.name, counter.help, MetricType::Counter,
                               static_cast<double>(counter.value)));
  }
}

void AddConnections(const LoadFigures& load,
                    std::vector<MetricFamily>* families) {
  families->push_back(Gauge("elmo_connections_open",
                            "Connections that are open",
                            static_cast<double>(load.connections_open)));
  families->push_back(Single("elmo_connections_refused_total",
                             "Connections closed at once for want of room",
                             MetricType::Counter,
                             static_cast<double>(load.connections_refused)));
  families->push_back(Single(
      "elmo_connections_delayed_total",
      "Connections that had to wait: their address was abusive lately",
      MetricType::Counter, static_cast<double>(load.connections_delayed)));
  MetricFamily closed =
      Family("elmo_connections_closed_for_abuse_total",
             "Connections closed for what they sent", MetricType::Counter);
  closed.metric = {
      Metric(MetricType::Counter,
             static_cast<double>(load.connections_closed_for_resets),
             {{"reason", "resets"}}),
      Metric(MetricType::Counter,
             static_cast<double>(load.connections_closed_for_frames),
             {{"reason", "frames"}})};
  families->push_back(std::move(closed));
}

void AddModels(const std::vector<ModelFigures>& models,
               std::vector<MetricFamily>* families) {
  const struct {
    const char* name;
    const char* help;
    MetricType type;
    int64_t ModelFigures::*value;
  } caches[] = {
      {"elmo_word_cache_hits_total", "Words found in the word cache",
       MetricType::Counter, &ModelFigures::cache_hits},
      {"elmo_word_cache_misses_total", "Words not found in the word cache",
       MetricType::Counter, &ModelFigures::cache_misses},
      {"elmo_word_cache_words", "Words in the word cache", MetricType::Gauge,
       &ModelFigures::cache_words},
      {"elmo_word_cache_bytes", "Memory of the word cache", MetricType::Gauge,
       &ModelFigures::cache_bytes},
  };
  for (const auto& cache : caches) {
    MetricFamily family = Family(cache.name, cache.help, cache.type);
    for (const ModelFigures& model : models) {
      family.metric.push_back(Metric(cache.type,
                                     static_cast<double>(model.*cache.value),
                                     {{"model", model.name}}));
    }
    families->push_back(std::move(family));
  }
  MetricFamily info = Family(
      "elmo_model_info", "A model that is served; always 1", MetricType::Gauge);
  for (const ModelFigures& model : models) {
    info.metric.push_back(Metric(MetricType::Gauge, 1,
                                 {{"model", model.name},
                                  {"checksum", model.checksum},
                                  {"precision", model.precision},
                                  {"isa", model.isa},
                                  {"layers", std::to_string(model.layers)},
                                  {"dim", std::to_string(model.dim)}}));
  }
  families->push_back(std::move(info));
}

// Names that all exporters agree on.
void AddProcess(std::vector<MetricFamily>* families) {
  const ProcessFigures process = ReadProcessFigures();
  families->push_back(Single("process_cpu_seconds_total",
                             "User and system CPU time", MetricType::Counter,
                             process.cpu_seconds));
  families->push_back(
      Gauge("process_resident_memory_bytes", "Resident memory",
            static_cast<double>(process.resident_memory_bytes)));
  families->push_back(Gauge("process_virtual_memory_bytes", "Virtual memory",
                            static_cast<double>(process.virtual_memory_bytes)));
  families->push_back(Gauge("process_open_fds", "Open file descriptors",
                            static_cast<double>(process.open_fds)));
  families->push_back(Gauge("process_max_fds",
                            "Largest number of open file descriptors",
                            static_cast<double>(process.max_fds)));
  families->push_back(Gauge("process_threads", "Threads",
                            static_cast<double>(process.threads)));
  families->push_back(Gauge("process_start_time_seconds",
                            "Start of the process, in seconds since 1970",
                            process.start_time_seconds));
}

}  // namespace

void SampledMetrics::SetSampler(std::function<LoadFigures()> sampler) {
  MutexLock lock(&mu_);
  sampler_ = std::move(sampler);
}

std::vector<MetricFamily> SampledMetrics::Collect() const {
  LoadFigures load;
  {
    MutexLock lock(&mu_);
    if (sampler_) load = sampler_();
  }
  std::vector<MetricFamily> families;
  AddLoad(load, &families);
  AddSecurity(load, &families);
  AddConnections(load, &families);
  AddModels(load.models, &families);
  AddProcess(&families);
  return families;
}

}  // namespace elmo
