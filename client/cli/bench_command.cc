#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/bench_report.h"
#include "client/cli/commands.h"
#include "client/cli/latency_plot.h"
#include "client/cli/output_file.h"
#include "client/cli/progress.h"
#include "client/cli/sentence_reader.h"
#include "client/load/answer_check.h"
#include "client/load/load_runner.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

constexpr int kMaxIntervals = 100;

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void StopLoad(int signal_number) {
  g_stop = true;
  std::signal(signal_number, SIG_DFL);  // The second one ends the process.
}

void StopOnInterrupt() {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    if (std::signal(signal_number, StopLoad) == SIG_IGN) {
      std::signal(signal_number, SIG_IGN);
    }
  }
}

using Connections = std::vector<std::shared_ptr<EmbedConnection>>;

// One load, from its sentences to its report.
class Bench {
 public:
  Bench(const ServerChoice& server, const BenchCommand& command,
        std::FILE* terminal)
      : server_(server), command_(command), terminal_(terminal) {}

  absl::Status Prepare(const Connections& connections) {
    ELMO_RETURN_IF_ERROR(ReadPool(*connections.front()));
    if (command_.verify_every == 0) return absl::OkStatus();
    ProgressBar bar(terminal_, clock_.Now());
    const auto show = [&](size_t done) {
      Progress progress;
      progress.sentences = static_cast<int64_t>(done);
      progress.bytes = progress.sentences;
      progress.total_bytes = static_cast<int64_t>(requests_.size());
      bar.Show(progress, clock_.Now());
    };
    ELMO_ASSIGN_OR_RETURN(
        check_, AnswerCheck::Ask(requests_, *connections.front(), clock_,
                                 g_stop, show));
    return absl::OkStatus();
  }

  BenchResult Run(const Connections& connections) {
    ArrivalSchedule::Options schedule_options = command_.schedule;
    schedule_options.num_requests = requests_.size();
    ArrivalSchedule schedule(schedule_options);
    LoadRunner::Options options;
    options.max_in_flight = command_.max_in_flight;
    options.duration = command_.schedule.duration;
    options.check = check_ ? &*check_ : nullptr;
    options.verify_every = command_.verify_every;
    LoadRunner runner(options, requests_, connections, clock_);
    ProgressBar bar(terminal_, clock_.Now());
    const LoadRecords records =
        runner.Run(&schedule, g_stop, [&](const LoadProgress& progress) {
          bar.Show(ToBar(progress), clock_.Now());
        });
    return ResultOf(records);
  }

 private:
  absl::Status ReadPool(EmbedConnection& connection) {
    v1::EmbedRequest prototype;
    prototype.set_model(server_.model);
    *prototype.mutable_output() = command_.spec;
    prototype.set_start_state(command_.start_state);
    if (command_.file.empty()) {
      v1::GetModelRequest request;
      request.set_model(server_.model);
      ELMO_ASSIGN_OR_RETURN(const v1::Model model,
                            connection.GetModel({}, request));
      requests_ = InventRequests(Within(model.limits()), prototype);
      return absl::OkStatus();
    }
    ELMO_ASSIGN_OR_RETURN(
        const auto reader,
        SentenceReader::Open({command_.file}, command_.input_format));
    ELMO_ASSIGN_OR_RETURN(requests_,
                          ReadRequests(command_.pool, prototype, reader.get()));
    return absl::OkStatus();
  }

  // No longer sentences than the server takes.
  RequestPoolOptions Within(const v1::Limits& limits) const {
    RequestPoolOptions pool = command_.pool;
    const int64_t most =
        std::min(limits.tokens_per_sentence(),
                 limits.tokens_per_request() / pool.sentences_per_request);
    pool.max_tokens =
        static_cast<int>(std::clamp<int64_t>(most, 1, pool.max_tokens));
    return pool;
  }

  // The bar shows how much of the time has passed.
  Progress ToBar(const LoadProgress& load) const {
    Progress progress;
    progress.sentences = load.sentences;
    progress.tokens = load.tokens;
    if (command_.schedule.duration) {
      progress.bytes = load.elapsed.count();
      progress.total_bytes = command_.schedule.duration->count();
    }
    return progress;
  }

  BenchResult ResultOf(const LoadRecords& records) const {
    BenchResult result;
    result.command = command_;
    result.server = server_.server;
    result.summary = Summarise(records, command_.warm_up);
    // Not shorter than 100 ms, in which hardly a call would begin.
    const auto tenths = records.duration / std::chrono::milliseconds(100);
    result.intervals = Intervals(
        records, std::clamp(static_cast<int>(tenths), 1, kMaxIntervals));
    if (check_) result.unloaded = PercentilesOf(check_->latencies());
    result.first_failure = records.first_failure;
    result.interrupted = g_stop;
    return result;
  }

  const ServerChoice& server_;
  const BenchCommand& command_;
  std::FILE* const terminal_;
  SteadyLoadClock clock_;
  std::vector<PooledRequest> requests_;
  std::optional<AnswerCheck> check_;
};

absl::Status WriteFile(const std::string& path, const std::string& content) {
  if (path.empty()) return absl::OkStatus();
  ELMO_ASSIGN_OR_RETURN(const auto file, OutputFile::Create(path));
  ELMO_RETURN_IF_ERROR(file->Write(content));
  return file->Commit();
}

// What makes the run a failure.
absl::Status Verdict(const BenchResult& result) {
  const LoadSummary& summary = result.summary;
  if (summary.mismatches > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(summary.mismatches, " of ", summary.verified,
                     " answers differ from those of the server without load"));
  }
  // Nothing but failures: no server, no such model, a bad option.
  if (summary.offered > 0 &&
      summary.count(Outcome::kFailed) == summary.offered) {
    return result.first_failure;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunBench(
    const ServerChoice& server, const BenchCommand& command,
    const std::function<std::shared_ptr<EmbedConnection>()>& connect,
    const Terminal& terminal) {
  StopOnInterrupt();
  Connections connections;
  for (int i = 0; i < command.connections; ++i) {
    connections.push_back(connect());
  }
  Bench bench(server, command,
              terminal.stderr_is && !command.quiet ? stderr : nullptr);
  ELMO_RETURN_IF_ERROR(bench.Prepare(connections));
  const BenchResult result = bench.Run(connections);
  ELMO_RETURN_IF_ERROR(Print(BenchText(result)));
  ELMO_RETURN_IF_ERROR(WriteFile(command.json, BenchJson(result)));
  ELMO_RETURN_IF_ERROR(WriteFile(command.plot, LatencyPlot(result)));
  return Verdict(result);
}

}  // namespace elmo::cli
