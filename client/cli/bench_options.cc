#include "client/cli/bench_options.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

using std::chrono::nanoseconds;

constexpr double kDay = 86400;

nanoseconds Nanoseconds(double seconds) {
  return nanoseconds(std::llround(seconds * 1e9));
}

CLI::Option* AddSeconds(CLI::App* app, const std::string& name, double* value,
                        const std::string& help) {
  return app->add_option(name, *value, help)
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, kDay).description(""))
      ->capture_default_str();
}

template <typename T>
CLI::Option* AddNumber(CLI::App* app, const std::string& name, T* value, T low,
                       T high, const std::string& help) {
  return app->add_option(name, *value, help)
      ->type_name("N")
      ->check(CLI::Range(low, high).description(""))
      ->capture_default_str();
}

void AddLoad(CLI::App* app, RawBench* raw) {
  ArrivalSchedule::Options& schedule = raw->command.schedule;
  auto* rate = AddNumber(app, "--rate", &schedule.rate, 1e-3, 1e6,
                         "Requests a second, at random times (Poisson)");
  auto* capacity =
      app->add_flag("--capacity", raw->capacity,
                    "How much the server can do: as many requests as "
                    "--in-flight are kept under way");
  AddNumber(app, "--in-flight", &raw->in_flight, 1, 100000,
            "Requests under way with --capacity")
      ->needs(capacity);
  rate->excludes(capacity);
  raw->duration_option =
      AddSeconds(app, "--duration", &raw->duration_seconds, "Of the load");
  app->add_option("--requests", raw->requests, "End after so many")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40).description(""));
  raw->warm_up_option =
      AddSeconds(app, "--warm-up", &raw->warm_up_seconds,
                 "At the beginning, not counted; by default at most a tenth of "
                 "--duration, and 0 with --requests");
  AddNumber(app, "--connections", &raw->command.connections, 1, 10000,
            "TCP connections; requests go over them in turn");
  AddNumber(app, "--attempts", &raw->command.attempts, 1, 5,
            "Sends of a request that is refused, after the pauses that the "
            "server asks for; 1: a refusal is a result");
  app->add_option("--deadline", raw->deadline,
                  "Of a request, from its intended time; MIN:MAX: random "
                  "between them; else --timeout")
      ->type_name("SECONDS[:SECONDS]");
  AddNumber(app, "--cancel-share", &schedule.cancel_share, 0.0, 1.0,
            "This share of the requests is cancelled");
  AddSeconds(app, "--cancel-within", &raw->cancel_within_seconds,
             "At a random time up to this");
  AddNumber(app, "--seed", &schedule.seed, uint64_t{0}, uint64_t{1} << 60,
            "Of everything random");
}

void AddSentences(CLI::App* app, RawBench* raw) {
  BenchCommand& command = raw->command;
  RequestPoolOptions& pool = command.pool;
  app->add_option("--file", command.file,
                  "Sentences, as for embed; else invented ones")
      ->type_name("FILE");
  AddNumber(app, "--sentences", &pool.sentences_per_request, 1, 100000,
            "Sentences in a request");
  AddNumber(app, "--distinct", &pool.distinct, 1, 1000000,
            "Different requests; the load draws from them");
  AddNumber(app, "--mean-length", &pool.mean_tokens, 1.0, 1e5,
            "Tokens of an invented sentence: mean of a log-normal "
            "distribution");
  AddNumber(app, "--spread", &pool.spread, 0.0, 3.0,
            "Standard deviation of the logarithm of the length; 0: all alike");
  AddNumber(app, "--max-length", &pool.max_tokens, 1, 100000,
            "Longest invented sentence");
  AddNumber(app, "--verify-share", &raw->verify_share, 0.0, 1.0,
            "Share of the answers that are compared bit for bit with those "
            "before the load; 0: none");
}

// "0.5" or "0.1:2".
absl::Status ReadDeadline(const std::string& text,
                          ArrivalSchedule::Options* schedule) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  std::vector<double> seconds(parts.size());
  bool ok = parts.size() <= 2;
  for (size_t i = 0; ok && i < parts.size(); ++i) {
    ok = absl::SimpleAtod(parts[i], &seconds[i]) && seconds[i] >= 0.001 &&
         seconds[i] <= kDay;
  }
  if (!ok || seconds.front() > seconds.back()) {
    return absl::InvalidArgumentError(
        "--deadline takes seconds from 0.001 to 86400, or two with a colon "
        "between them, the smaller first");
  }
  schedule->min_deadline = Nanoseconds(seconds.front());
  schedule->max_deadline = Nanoseconds(seconds.back());
  return absl::OkStatus();
}

}  // namespace

void AddBenchOptions(CLI::App* app, RawBench* raw) {
  AddLoad(app, raw);
  AddSentences(app, raw);
  app->add_option("--json", raw->command.json, "The results, for programs")
      ->type_name("FILE");
  app->add_option("--plot", raw->command.plot, "The results, to look at")
      ->type_name("FILE.svg");
  app->add_flag("-q,--quiet", raw->command.quiet,
                "No progress bar on a terminal");
}

absl::StatusOr<BenchCommand> FinishBench(const RawBench& raw,
                                         std::chrono::milliseconds timeout) {
  BenchCommand command = raw.command;
  ArrivalSchedule::Options& schedule = command.schedule;
  command.pool.seed = schedule.seed;
  if (raw.capacity) {
    schedule.rate = 0;
    command.max_in_flight = raw.in_flight;
  }
  schedule.min_deadline = schedule.max_deadline = timeout;
  if (!raw.deadline.empty()) {
    ELMO_RETURN_IF_ERROR(ReadDeadline(raw.deadline, &schedule));
  }
  schedule.max_cancel_delay = Nanoseconds(raw.cancel_within_seconds);
  double warm_up = raw.warm_up_seconds;
  if (raw.requests > 0) {
    schedule.max_calls = raw.requests;
    if (raw.warm_up_option->count() == 0) warm_up = 0;
  } else if (raw.warm_up_option->count() == 0) {
    warm_up = std::min(warm_up, raw.duration_seconds / 10);
  }
  if (raw.requests == 0 || raw.duration_option->count() > 0) {
    schedule.duration = Nanoseconds(raw.duration_seconds);
    if (warm_up >= raw.duration_seconds) {
      return absl::InvalidArgumentError(
          "--warm-up must be shorter than --duration");
    }
  }
  command.warm_up = Nanoseconds(warm_up);
  command.verify_every =
      raw.verify_share > 0 ? std::llround(1 / raw.verify_share) : 0;
  return command;
}

}  // namespace elmo::cli
