// What metrics cost: the updates of one call, and a scrape over HTTP, each
// alone and while the other goes on. The engine is left out.
//
//   scripts/bench metrics
//
// `calls/s` of a scrape: what a load of calls on other threads reached while it
// was measured.

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "server/metrics/metrics_endpoint.h"
#include "server/metrics/server_metrics.h"
#include "tests/testing/scrape.h"

namespace elmo {
namespace {

ServerMetrics& Metrics() {
  static ServerMetrics* const metrics = [] {
    ServerMetrics::Limits limits;
    limits.max_batch_rows = 64;
    limits.max_batch_tokens = 2048;
    auto* made = new ServerMetrics(limits);
    made->SetSampler([] {
      LoadFigures load;
      load.models.resize(1);
      return load;
    });
    return made;
  }();
  return *metrics;
}

int Port() {
  static const auto* const endpoint =
      MetricsEndpoint::Create("127.0.0.1:0", Metrics()).value().release();
  return endpoint->port();
}

// All that one call of one sentence in a batch of its own tells.
void OneCall(ServerMetrics* metrics) {
  constexpr std::chrono::milliseconds kTime(3);
  metrics->CallStarted(RpcMethod::kEmbed);
  metrics->RequestAccepted(1, 20, kTime);
  metrics->SentenceStarted(kTime);
  metrics->BatchEnded({1, 22, kTime, 0});
  CallReport report;
  report.duration = kTime;
  metrics->CallEnded(report);
  metrics->CallClosed(RpcMethod::kEmbed);
}

void BM_UpdatesOfACall(benchmark::State& state) {
  for (auto _ : state) OneCall(&Metrics());
}
BENCHMARK(BM_UpdatesOfACall)->Threads(1)->Threads(2)->UseRealTime();

void BM_UpdatesOfACallWhileScraped(benchmark::State& state) {
  std::atomic<bool> stop{false};
  std::thread scraper([&stop] {
    while (!stop) testing::HttpGet(Port(), "/metrics");
  });
  for (auto _ : state) OneCall(&Metrics());
  stop = true;
  scraper.join();
}
BENCHMARK(BM_UpdatesOfACallWhileScraped)->UseRealTime();

// A scrape without the connection: collecting and writing.
void BM_Write(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Metrics().Text());
}
BENCHMARK(BM_Write)->Unit(benchmark::kMicrosecond);

// Argument: threads that call without a pause.
void BM_Scrape(benchmark::State& state) {
  std::atomic<bool> stop{false};
  std::atomic<int64_t> calls{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < state.range(0); ++i) {
    threads.emplace_back([&] {
      for (; !stop; ++calls) OneCall(&Metrics());
    });
  }
  size_t bytes = 0;
  for (auto _ : state) bytes = testing::HttpGet(Port(), "/metrics").size();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["calls/s"] = benchmark::Counter(static_cast<double>(calls),
                                                 benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Scrape)->Arg(0)->Arg(1)->Arg(2)->UseRealTime()->Unit(
    benchmark::kMicrosecond);

}  // namespace
}  // namespace elmo
