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

constexpr int kInFlightPerWorker = 96;
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

// So long that in each of `parts`, and one before them, all calls that are
// under way come back. Fills the word cache.
double SecondsForParts(const ServerProcess& server, int in_flight, int parts,
                       double least) {
  const double fill = SecondsOf([&] { Load(server, in_flight, 0.5); });
  return std::max(least, 1.5 * fill) * (parts + 1);
}

// What a server has done so far.
struct Work {
  double cpu = 0;      // Seconds, all threads.
  double workers = 0;  // Of it: as many of the busiest as there are workers.
  // In the engine, by the clock, less the time for which the workers were ready
  // to run and had no CPU: under full load they are in the engine then.
  double engine = 0;
  double batches = 0;
  double rows = 0;
};
Work WorkOf(const ServerProcess& server, int workers) {
  Work work;
  work.engine = server.Metric("elmo_compute_duration_seconds_sum");
  work.batches = server.Metric("elmo_compute_duration_seconds_count");
  work.rows = server.Metric("elmo_batch_rows_sum");
  int rank = 0;
  for (const auto& thread : server.ThreadTimes()) {
    work.cpu += thread.cpu_seconds;
    if (rank++ >= workers) continue;
    work.workers += thread.cpu_seconds;
    work.engine -= thread.waiting_seconds;
  }
  return work;
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
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    for (int workers : context.worker_counts()) {
      const auto server = StartServer(context, precision, workers);
      if (server == nullptr) return;
      const int in_flight = kInFlightPerWorker * workers;
      const double seconds =
          SecondsForParts(*server, in_flight, parts, /*least=*/2);
      const Work before = WorkOf(*server, workers);
      const LoadRecords records = Load(*server, in_flight, seconds);
      const Work after = WorkOf(*server, workers);
      const double rows =
          (after.rows - before.rows) / (after.batches - before.batches);
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
      const double cpu = after.cpu - before.cpu;
      table.Row({Word(std::string(PrecisionName(precision))), Number(workers),
                 Measured(TokensPerSecond(records, parts)), Measured(alone),
                 Number(rows, 1),
                 Percent(1 - (after.workers - before.workers) / cpu),
                 Percent(1 - (after.engine - before.engine) / cpu)});
    }
  }
}

void Together(const Context& context) {
  Table table(context.report, "together",
              {{"precision", "precision"},
               {"workers", "workers"},
               {"sentences", "sentences"},
               {"tokens_per_second", "tokens/s"}});
  const int parts = context.repetitions().runs;
  for (Precision precision : context.machine.precisions) {
    const auto server = StartServer(context, precision, context.workers());
    if (server == nullptr) return;
    for (int count : context.sentence_counts()) {
      const int in_flight = count * context.workers();
      const double seconds =
          SecondsForParts(*server, in_flight, parts, /*least=*/1);
      table.Row({Word(std::string(PrecisionName(precision))),
                 Number(context.workers()), Number(count),
                 Measured(TokensPerSecond(Load(*server, in_flight, seconds),
                                          parts))});
    }
  }
}

void OneSentence(const Context& context) {
  Table table(context.report, "latency",
              {{"precision", "precision"},
               {"tokens", "tokens"},
               {"ms", "ms"},
               {"engine_ms", "of it engine"},
               {"added_us", "added us"}});
  for (Precision precision : context.machine.precisions) {
    const auto server = StartServer(context, precision, context.workers());
    if (server == nullptr) return;
    ClientOptions options;
    options.target = server->target();
    EmbedClient client(MakeGrpcConnection(options));
    for (int tokens : {1, 5, 20, 50, 200}) {
      const auto sentences = SentencesOf(1, tokens);
      v1::Sentence sentence;
      for (const std::string& token : sentences[0]) sentence.add_tokens(token);
      const auto call = [&] { ELMO_CHECK(client.Embed({sentence}, {}).ok()); };
      call();
      const Work before = WorkOf(*server, 0);
      std::vector<double> times;
      double sum = 0;
      const double budget =
          context.repetitions().seconds * context.repetitions().runs;
      while (sum < budget || times.size() < 5) {
        times.push_back(SecondsOf(call));
        sum += times.back();
      }
      const double engine = WorkOf(*server, 0).engine - before.engine;
      const double calls = static_cast<double>(times.size());
      table.Row({Word(std::string(PrecisionName(precision))), Number(tokens),
                 Measured(Times(SampleOf(times), 1e3), 2),
                 Number(1e3 * engine / calls, 2),
                 Number(1e6 * (sum - engine) / calls)});
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
  report->Text(
      "So many calls of one sentence under way for each worker, at all times:");
  Together(context);
  report->Text(
      "One sentence, one call at a time; what is added to the server's time in "
      "the engine, on average:");
  OneSentence(context);
}

void Start(const Context& context) {
  Report* report = context.report;
  report->Part("start", "Start and memory");
  report->Text(
      "From the start of the process, with the model in the page cache, until "
      "it is ready; CPU: of all its threads until then. Memory after a load "
      "that fills batches and word cache; weights: as packed.");
  Table table(report, "rows",
              {{"precision", "precision"},
               {"ready_s", "ready s"},
               {"cpu_s", "CPU s"},
               {"weights_mb", "weights MB"},
               {"fresh_mb", "resident MB at first"},
               {"over_weights", "over weights"},
               {"loaded_mb", "MB under load"},
               {"cache_mb", "of it word cache"},
               {"loaded_over_weights", "under load over weights"},
               {"peak_mb", "most ever MB"}});
  constexpr double kMb = 1e-6;
  for (Precision precision : context.machine.precisions) {
    std::vector<double> ready, cpu;
    double fresh = 0, loaded = 0, cache = 0, peak = 0;
    for (int run = 0; run < context.repetitions().runs; ++run) {
      const auto server = StartServer(context, precision, context.workers());
      if (server == nullptr) return;
      ready.push_back(server->seconds_to_ready());
      cpu.push_back(server->CpuSeconds());
      if (run > 0) continue;
      fresh = server->ResidentBytes();
      Load(*server, kInFlightPerWorker * context.workers(),
           context.settings.quick ? 2 : 8);
      loaded = server->ResidentBytes();
      cache = server->Metric("elmo_word_cache_bytes");
      peak = server->PeakResidentBytes();
    }
    const double weights = PackedBytes(context.model(), precision);
    table.Row({Word(std::string(PrecisionName(precision))),
               Measured(SampleOf(ready), 2), Measured(SampleOf(cpu), 2),
               Number(weights * kMb), Number(fresh * kMb),
               Number(fresh / weights, 2), Number(loaded * kMb),
               Number(cache * kMb), Number(loaded / weights, 2),
               Number(peak * kMb)});
  }
}

}  // namespace elmo::bench
