#include "server/metrics/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <thread>

#include "tests/testing/scrape.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::IsEmpty;

ServerMetrics::Limits TestLimits() {
  ServerMetrics::Limits limits;
  limits.workers = 3;
  limits.max_batch_rows = 48;
  limits.max_batch_tokens = 2048;
  limits.max_queued_tokens = 65536;
  limits.max_bytes_in_flight = 1 << 29;
  return limits;
}

LoadFigures OneModel() {
  LoadFigures load;
  load.models.push_back(
      {"news", "c0ffee", "f32", "avx2", 2, 1024, 10, 20, 30, 40});
  return load;
}

CallReport ReportOf(RpcMethod method, absl::StatusCode code) {
  CallReport report;
  report.method = method;
  report.status = absl::Status(code, "");
  report.duration = milliseconds(3);
  return report;
}

TEST(ServerMetricsTest, AllSeriesExistFromTheStartAtZero) {
  const ServerMetrics metrics(TestLimits());
  const Metrics m = ParseMetrics(metrics.Text());
  for (int method = 0; method < kRpcMethods; ++method) {
    const std::string name = MethodName(static_cast<RpcMethod>(method));
    for (int code = 0; code <= 16; ++code) {
      const std::string code_name =
          CodeName(static_cast<absl::StatusCode>(code));
      EXPECT_FALSE(code_name.empty());
      EXPECT_EQ(m["elmo_requests_total{code=\"" + code_name + "\",method=\"" +
                  name + "\"}"],
                0);
    }
    EXPECT_EQ(m["elmo_request_duration_seconds_count{method=\"" + name + "\"}"],
              0);
    EXPECT_EQ(m["elmo_calls_open{method=\"" + name + "\"}"], 0);
  }
  for (const char* reason :
       {"queue_full", "deadline", "draining", "bytes_in_flight"}) {
    EXPECT_EQ(m["elmo_refused_total{reason=\"" + std::string(reason) + "\"}"],
              0);
  }
  for (const char* series :
       {"elmo_answers_stalled_total",
        "elmo_sentences_total",
        "elmo_tokens_total",
        "elmo_request_bytes_total",
        "elmo_response_bytes_total",
        "elmo_request_tokens_count",
        "elmo_tokenization_duration_seconds_count",
        "elmo_queue_duration_seconds_count",
        "elmo_compute_duration_seconds_count",
        "elmo_batch_rows_count",
        "elmo_batch_tokens_count",
        "elmo_sentences_expired_total",
        "elmo_sentences_cancelled_total{stage=\"queued\"}",
        "elmo_sentences_cancelled_total{stage=\"running\"}",
        "elmo_model_reloads_total",
        "elmo_model_reload_failures_total",
        "elmo_tls_reloads_total",
        "elmo_tls_reload_failures_total",
        "elmo_token_reload_failures_total",
        "elmo_unauthenticated_total",
        "elmo_oversized_metadata_total",
        "elmo_queue_tokens",
        "elmo_queue_sentences",
        "elmo_bytes_in_flight",
        "elmo_workers_busy"}) {
    EXPECT_EQ(m[series], 0) << series;
  }
  EXPECT_EQ(m["elmo_workers"], 3);
  EXPECT_EQ(m["elmo_max_batch_rows"], 48);
  EXPECT_EQ(m["elmo_max_batch_tokens"], 2048);
  EXPECT_EQ(m["elmo_max_queued_tokens"], 65536);
  EXPECT_EQ(m["elmo_max_bytes_in_flight"], 1 << 29);
  EXPECT_TRUE(std::isinf(m["elmo_tls_certificate_expiry_timestamp_seconds"]));
  EXPECT_GT(m["process_resident_memory_bytes"], 0);
}

TEST(ServerMetricsTest, NoSeriesAppearsLater) {
  ServerMetrics metrics(TestLimits());
  metrics.SetSampler(OneModel);
  const Metrics before = ParseMetrics(metrics.Text());
  for (const RpcMethod method : {RpcMethod::kEmbed, RpcMethod::kListModels}) {
    metrics.CallStarted(method);
    metrics.CallEnded(ReportOf(method, absl::StatusCode::kDataLoss));
    metrics.CallClosed(method);
  }
  metrics.RequestAccepted(1, 2, milliseconds(1));
  metrics.Refused(RefusalReason::kBytesInFlight);
  metrics.BatchEnded({1, 2, milliseconds(1), 1});
  metrics.SentenceStarted(milliseconds(1));
  metrics.SentencesExpired(1);
  metrics.SentencesCancelled(1);
  metrics.ModelsReloaded(true);
  const Metrics after = ParseMetrics(metrics.Text());
  ASSERT_EQ(before.values.size(), after.values.size());
  for (const auto& [series, value] : before.values) {
    EXPECT_EQ(after.values.count(series), 1) << series;
  }
}

TEST(ServerMetricsTest, EachUpdateMovesItsOwnSeries) {
  ServerMetrics metrics(TestLimits());
  metrics.CallStarted(RpcMethod::kEmbed);
  metrics.CallStarted(RpcMethod::kEmbed);
  CallReport report =
      ReportOf(RpcMethod::kEmbed, absl::StatusCode::kUnavailable);
  report.request_bytes = 10;
  report.response_bytes = 20;
  metrics.CallEnded(report);
  metrics.CallClosed(RpcMethod::kEmbed);
  metrics.RequestAccepted(2, 7, milliseconds(1));
  metrics.RequestAccepted(1, 3, Duration::zero());  // Had no text.
  metrics.Refused(RefusalReason::kDeadline);
  metrics.SentenceStarted(milliseconds(30));
  metrics.SentencesExpired(4);
  metrics.SentencesCancelled(5);
  metrics.BatchEnded({3, 12, milliseconds(15), 2});
  const Metrics m = ParseMetrics(metrics.Text());
  EXPECT_EQ(m["elmo_requests_total{code=\"UNAVAILABLE\",method=\"Embed\"}"], 1);
  EXPECT_EQ(m["elmo_requests_total{code=\"OK\",method=\"Embed\"}"], 0);
  EXPECT_EQ(m["elmo_calls_open{method=\"Embed\"}"], 1);
  EXPECT_EQ(m["elmo_request_bytes_total"], 10);
  EXPECT_EQ(m["elmo_response_bytes_total"], 20);
  EXPECT_EQ(m["elmo_sentences_total"], 3);
  EXPECT_EQ(m["elmo_tokens_total"], 10);
  EXPECT_EQ(m["elmo_request_tokens_count"], 2);
  EXPECT_EQ(m["elmo_tokenization_duration_seconds_count"], 1);
  EXPECT_EQ(m["elmo_refused_total{reason=\"deadline\"}"], 1);
  EXPECT_EQ(m["elmo_refused_total{reason=\"queue_full\"}"], 0);
  EXPECT_EQ(m["elmo_sentences_expired_total"], 4);
  EXPECT_EQ(m["elmo_sentences_cancelled_total{stage=\"queued\"}"], 5);
  EXPECT_EQ(m["elmo_sentences_cancelled_total{stage=\"running\"}"], 2);
  EXPECT_EQ(m["elmo_batch_rows_sum"], 3);
  EXPECT_EQ(m["elmo_batch_tokens_sum"], 12);
  // In seconds, and in the bucket that the value belongs to.
  EXPECT_DOUBLE_EQ(m["elmo_queue_duration_seconds_sum"], 0.03);
  EXPECT_EQ(m["elmo_queue_duration_seconds_bucket{le=\"0.02\"}"], 0);
  EXPECT_EQ(m["elmo_queue_duration_seconds_bucket{le=\"0.05\"}"], 1);
  EXPECT_DOUBLE_EQ(m["elmo_compute_duration_seconds_sum"], 0.015);
}

TEST(ServerMetricsTest, ReloadsAndExpiryAreShown) {
  ServerMetrics metrics(TestLimits());
  metrics.ModelsReloaded(true);
  metrics.ModelsReloaded(false);
  metrics.ModelsReloaded(false);
  metrics.SetSampler([] {
    LoadFigures load;
    load.certificate_changes = 2;
    load.certificate_failures = 1;
    load.token_failures = 3;
    load.certificate_expiry = 1800000000;
    load.unauthenticated_calls = 4;
    load.oversized_metadata_calls = 5;
    return load;
  });
  const Metrics m = ParseMetrics(metrics.Text());
  EXPECT_EQ(m["elmo_model_reloads_total"], 1);
  EXPECT_EQ(m["elmo_model_reload_failures_total"], 2);
  EXPECT_EQ(m["elmo_tls_reloads_total"], 2);
  EXPECT_EQ(m["elmo_tls_reload_failures_total"], 1);
  EXPECT_EQ(m["elmo_token_reload_failures_total"], 3);
  EXPECT_EQ(m["elmo_tls_certificate_expiry_timestamp_seconds"], 1800000000);
  EXPECT_EQ(m["elmo_unauthenticated_total"], 4);
  EXPECT_EQ(m["elmo_oversized_metadata_total"], 5);
}

TEST(ServerMetricsTest, LoadIsReadWhenAskedFor) {
  ServerMetrics metrics(TestLimits());
  LoadFigures load = OneModel();
  metrics.SetSampler([&load] { return load; });
  load.queued_tokens = 1;
  load.queued_sentences = 2;
  load.bytes_in_flight = 3;
  load.busy_workers = 4;
  const Metrics m = ParseMetrics(metrics.Text());
  EXPECT_EQ(m["elmo_queue_tokens"], 1);
  EXPECT_EQ(m["elmo_queue_sentences"], 2);
  EXPECT_EQ(m["elmo_bytes_in_flight"], 3);
  EXPECT_EQ(m["elmo_workers_busy"], 4);
  EXPECT_EQ(m["elmo_word_cache_hits_total{model=\"news\"}"], 10);
  EXPECT_EQ(m["elmo_word_cache_misses_total{model=\"news\"}"], 20);
  EXPECT_EQ(m["elmo_word_cache_words{model=\"news\"}"], 30);
  EXPECT_EQ(m["elmo_word_cache_bytes{model=\"news\"}"], 40);
  EXPECT_EQ(m["elmo_model_info{checksum=\"c0ffee\",dim=\"1024\",isa=\"avx2\","
              "layers=\"2\",model=\"news\",precision=\"f32\"}"],
            1);
  metrics.SetSampler(nullptr);
  EXPECT_EQ(ParseMetrics(metrics.Text())["elmo_queue_tokens"], 0);
}

TEST(ServerMetricsTest, NamesFollowTheConvention) {
  ServerMetrics metrics(TestLimits());
  metrics.SetSampler(OneModel);
  const Metrics m = ParseMetrics(metrics.Text());
  ASSERT_GT(m.types.size(), 30);
  EXPECT_THAT(m.without_help, IsEmpty());
  const std::regex name("(elmo|process)_[a-z]+(_[a-z]+)*");
  const std::regex not_base_units(".*(_ms|_us|_millis|_micros|_kb|_mb).*");
  for (const auto& [metric, type] : m.types) {
    EXPECT_TRUE(std::regex_match(metric, name)) << metric;
    EXPECT_FALSE(std::regex_match(metric, not_base_units)) << metric;
    const bool total = metric.size() > 6 &&
                       metric.compare(metric.size() - 6, 6, "_total") == 0;
    EXPECT_EQ(total, type == "counter") << metric << " is a " << type;
    if (type == "histogram" && metric.find("duration") != std::string::npos) {
      EXPECT_EQ(metric.substr(metric.size() - 8), "_seconds") << metric;
    }
  }
}

TEST(ServerMetricsTest, PromtoolHasNoObjection) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool (Debian package prometheus) is not installed";
  }
  ServerMetrics metrics(TestLimits());
  metrics.SetSampler(OneModel);
  const std::string path = ::testing::TempDir() + "elmo_metrics.txt";
  std::ofstream(path) << metrics.Text();
  EXPECT_EQ(std::system(("promtool check metrics < " + path + " >&2").c_str()),
            0);
  std::remove(path.c_str());
}

TEST(ServerMetricsTest, ManyThreadsAndScrapesLoseNothing) {
  ServerMetrics metrics(TestLimits());
  metrics.SetSampler(OneModel);
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < kCalls; ++i) {
        metrics.CallStarted(RpcMethod::kEmbed);
        metrics.RequestAccepted(1, 2, milliseconds(1));
        metrics.SentenceStarted(milliseconds(1));
        metrics.BatchEnded({1, 2, milliseconds(1), 0});
        metrics.CallEnded(ReportOf(RpcMethod::kEmbed, absl::StatusCode::kOk));
        metrics.CallClosed(RpcMethod::kEmbed);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    metrics.SetSampler(OneModel);
    EXPECT_FALSE(metrics.Text().empty());
  }
  for (std::thread& thread : threads) thread.join();
  const Metrics m = ParseMetrics(metrics.Text());
  constexpr double kAll = kThreads * kCalls;
  EXPECT_EQ(m["elmo_requests_total{code=\"OK\",method=\"Embed\"}"], kAll);
  EXPECT_EQ(m["elmo_request_duration_seconds_count{method=\"Embed\"}"], kAll);
  EXPECT_EQ(m["elmo_tokens_total"], 2 * kAll);
  EXPECT_EQ(m["elmo_batch_rows_count"], kAll);
  EXPECT_EQ(m["elmo_queue_duration_seconds_count"], kAll);
  EXPECT_EQ(m["elmo_calls_open{method=\"Embed\"}"], 0);
}

}  // namespace
}  // namespace elmo::testing
