// The real server, over the loopback interface: gRPC's cost, start and memory.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/elmo_bench/context.h"
#include "benchmarks/elmo_bench/server_process.h"
#include "benchmarks/elmo_bench/workload.h"
#include "client/embed_client.h"
#include "client/grpc_connection.h"
#include "client/load/load_runner.h"
#include "client/load/load_summary.h"

namespace elmo::bench {
namespace {

constexpr int kInFlightPerWorker = 128;
constexpr int kConnections = 4;

std::unique_ptr<ServerProcess> StartServer(const Context& context,
                                           Precision precision, int workers) {
  ServerProcess::Options options;
  options.binary = context.settings.server;
  options.model = context.settings.model;
  options.work = context.settings.work;
  options.flags = {"--precision", std::string(PrecisionName(precision)),
                   "--workers", absl::StrCat(workers)};
  auto server = ServerProcess::Start(options);
  if (!server.ok()) {
    context.report->Text(
        absl::StrCat("Failed: ", std::string(server.status().message())));
    return nullptr;
  }
  return *std::move(server);
}

// Keeps calls of one sentence each under way for so long.
LoadRecords Load(const ServerProcess& server, int in_flight, double seconds) {
  ClientOptions client;
  client.target = server.target();
  client.own_connection = true;
  client.timeout = std::chrono::minutes(10);
  std::vector<std::shared_ptr<EmbedConnection>> connections;
  for (int i = 0; i < kConnections; ++i) {
    connections.push_back(MakeGrpcConnection(client));
  }
  const std::vector<PooledRequest> requests = MixedRequests(256, {});
  const auto duration =
      std::chrono::nanoseconds(static_cast<int64_t>(1e9 * seconds));
  ArrivalSchedule::Options plan;
  plan.rate = 0;
  plan.num_requests = requests.size();
  plan.min_deadline = plan.max_deadline = client.timeout;
  plan.duration = duration;
  ArrivalSchedule schedule(plan);
  LoadRunner::Options options;
  options.max_in_flight = in_flight;
  options.duration = duration;
  SteadyLoadClock clock;
  LoadRunner runner(options, requests, connections, clock);
  const std::atomic<bool> stop{false};
  return runner.Run(&schedule, stop, [](const LoadProgress&) {});
}

// Goodput in the parts of a load after the first.
Sample TokensPerSecond(const LoadRecords& records, int parts) {
  std::vector<double> rates;
  for (const LoadInterval& part : Intervals(records, parts + 1)) {
    rates.push_back(part.goodput_tokens_per_second);
  }
  rates.erase(rates.begin());
  return SampleOf(std::move(rates));
}

// CPU time of a server's threads between two moments.
struct CpuUse {
  double all = 0;
  double busiest = 0;  // As many of the busiest threads as there are workers.
  double engine = 0;   // Seconds in the engine, by the clock.
};
CpuUse CpuUseOf(const ServerProcess& server, int workers) {
  CpuUse use;
  const std::vector<double> threads = server.ThreadCpuSeconds();
  for (size_t i = 0; i < threads.size(); ++i) {
    use.all += threads[i];
    if (static_cast<int>(i) < workers) use.busiest += threads[i];
  }
  use.engine = server.Metric("elmo_compute_duration_seconds_sum");
  return use;
}

void Capacity(const Context& context) {
  Table table(context.report, "capacity",
              {{"precision", "precision"},
               {"workers", "workers"},
               {"tokens_per_second", "tokens/s"},
               {"engine_tokens_per_second", "engine alone"},
               {"batch_rows", "sentences a batch"},
               {"outside_workers", "CPU of other threads"},
               {"outside_engine", "CPU outside the engine"}});
  const int parts = context.repetitions().runs;
  const double seconds = (parts + 1) * (context.settings.quick ? 1.0 : 3.0);
  std::vector<int> counts = {std::max(1, context.workers() - 1)};
  if (context.workers() > 1) counts.push_back(context.workers());
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    for (int workers : counts) {
      const auto server = StartServer(context, precision, workers);
      if (server == nullptr) return;
      const int in_flight = kInFlightPerWorker * workers;
      Load(*server, in_flight, 1);  // Fills the word cache.
      const CpuUse before = CpuUseOf(*server, workers);
      const double batches_before =
          server->Metric("elmo_compute_duration_seconds_count");
      const double rows_before = server->Metric("elmo_batch_rows_sum");
      const LoadRecords records = Load(*server, in_flight, seconds);
      const CpuUse after = CpuUseOf(*server, workers);
      const double rows =
          (server->Metric("elmo_batch_rows_sum") - rows_before) /
          (server->Metric("elmo_compute_duration_seconds_count") -
           batches_before);
      const auto sentences =
          MixedSentences(std::max(1, static_cast<int>(rows + 0.5)));
      const Sample alone =
          Times(CallsPerSecond(workers, context.repetitions(),
                               [&](int) {
                                 auto batch = std::make_shared<Batch>(
                                     engine.get(), sentences);
                                 return [batch] { batch->Run(); };
                               }),
                static_cast<double>(TokensOf(sentences)));
      const double cpu = after.all - before.all;
      // With a CPU left for everything else, the clock of a worker that
      // computes is its CPU time; without one it also counts waiting.
      const bool clock_is_cpu = workers < context.machine.cpus;
      table.Row(
          {Word(std::string(PrecisionName(precision))), Number(workers),
           Measured(TokensPerSecond(records, parts)), Measured(alone),
           Number(rows, 1), Percent(1 - (after.busiest - before.busiest) / cpu),
           clock_is_cpu ? Percent(1 - (after.engine - before.engine) / cpu)
                        : Cell{nullptr, "-"}});
    }
  }
}

void OneSentence(const Context& context) {
  Table table(context.report, "latency",
              {{"precision", "precision"},
               {"tokens", "tokens"},
               {"grpc_ms", "gRPC ms"},
               {"engine_ms", "engine ms"},
               {"added_ms", "added ms"}});
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    const auto server = StartServer(context, precision, context.workers());
    if (server == nullptr) return;
    ClientOptions options;
    options.target = server->target();
    EmbedClient client(MakeGrpcConnection(options));
    for (int tokens : {1, 5, 20, 50, 200}) {
      const auto sentences = SentencesOf(1, tokens);
      v1::Sentence sentence;
      for (const std::string& token : sentences[0]) {
        sentence.add_tokens(token);
      }
      Batch batch(engine.get(), sentences);
      const std::function<void()> through = [&] {
        ELMO_CHECK(client.Embed({sentence}, {}).ok());
      };
      const std::function<void()> direct = [&] { batch.Run(); };
      through();
      direct();
      // In turn, so that both see the same neighbours.
      std::vector<double> with, without, added;
      const double budget = context.repetitions().seconds * 10;
      const auto start = std::chrono::steady_clock::now();
      do {
        with.push_back(1000 * SecondsOf(through));
        without.push_back(1000 * SecondsOf(direct));
        added.push_back(with.back() - without.back());
      } while (SecondsSince(start) < budget || with.size() < 5);
      table.Row({Word(std::string(PrecisionName(precision))), Number(tokens),
                 Measured(SampleOf(with), 2), Measured(SampleOf(without), 2),
                 Number(SampleOf(added).median, 2)});
    }
  }
}

}  // namespace

void Grpc(const Context& context) {
  Report* report = context.report;
  report->Part("grpc", "Through gRPC");
  report->Text(absl::StrFormat(
      "elmo-server over the loopback interface, the load on the same CPUs. "
      "Capacity: %d calls of one sentence under way for each worker, over %d "
      "connections; lengths as above, the average of the layers for each "
      "token. \"Engine alone\": batches of as many sentences without a "
      "server.",
      kInFlightPerWorker, kConnections));
  Capacity(context);
  report->Text("One sentence, one call at a time:");
  OneSentence(context);
}

void Start(const Context& context) {
  Report* report = context.report;
  report->Part("start", "Start and memory");
  report->Text(
      "From the start of the process, with the model in the page cache, until "
      "it is ready. Memory after a load that fills batches and word cache; "
      "weights: as packed.");
  Table table(report, "rows",
              {{"precision", "precision"},
               {"ready_s", "ready s"},
               {"weights_mb", "weights MB"},
               {"fresh_mb", "resident MB at first"},
               {"loaded_mb", "under load"},
               {"peak_mb", "most ever"},
               {"over_weights", "under load over weights"}});
  constexpr double kMb = 1e-6;
  for (Precision precision : context.machine.precisions) {
    std::vector<double> ready;
    double fresh = 0, loaded = 0, peak = 0;
    for (int run = 0; run < context.repetitions().runs; ++run) {
      const auto server = StartServer(context, precision, context.workers());
      if (server == nullptr) return;
      ready.push_back(server->seconds_to_ready());
      if (run > 0) continue;
      fresh = server->ResidentBytes();
      Load(*server, kInFlightPerWorker * context.workers(),
           context.settings.quick ? 2 : 8);
      loaded = server->ResidentBytes();
      peak = server->PeakResidentBytes();
    }
    const double weights = PackedBytes(context.model(), precision);
    table.Row({Word(std::string(PrecisionName(precision))),
               Measured(SampleOf(ready), 2), Number(weights * kMb),
               Number(fresh * kMb), Number(loaded * kMb), Number(peak * kMb),
               Number(loaded / weights, 2)});
  }
}

}  // namespace elmo::bench
