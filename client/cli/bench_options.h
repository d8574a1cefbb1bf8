#ifndef ELMO_CLIENT_CLI_BENCH_OPTIONS_H_
#define ELMO_CLIENT_CLI_BENCH_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/cli/sentence_reader.h"
#include "client/load/arrival_schedule.h"
#include "client/load/request_pool.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo::cli {

// elmo-client bench
struct BenchCommand {
  // Rate, seed, deadlines and cancellations; its num_requests is not set.
  ArrivalSchedule::Options schedule;
  RequestPoolOptions pool;
  std::string file;  // Sentences from here; empty: invented ones.
  InputFormat input_format = InputFormat::kAuto;
  v1::OutputSpec spec;
  v1::StartState start_state = v1::DEFAULT;
  int connections = 4;
  int attempts = 1;       // Sends of a request: ClientOptions::max_attempts.
  int max_in_flight = 0;  // 0: open loop; else --capacity.
  std::chrono::nanoseconds warm_up{0};
  int64_t verify_every = 100;  // 0: nothing is compared.
  std::string json;            // Files; empty: none.
  std::string plot;
  bool quiet = false;
};

// What the options are read into before they make a BenchCommand.
struct RawBench {
  BenchCommand command;
  double duration_seconds = 10;
  int64_t requests = 0;
  double warm_up_seconds = 1;
  std::string deadline;
  double cancel_within_seconds = 0.1;
  bool capacity = false;
  int in_flight = 64;
  double verify_share = 0.01;
  CLI::Option* duration_option = nullptr;
  CLI::Option* warm_up_option = nullptr;
};

// Everything but the output options, which `embed` has too. `raw` must outlive
// the parsing.
void AddBenchOptions(CLI::App* app, RawBench* raw);

// `timeout`: the deadline where --deadline names none. INVALID_ARGUMENT for
// values that do not fit each other. Leaves spec and start_state to the caller.
absl::StatusOr<BenchCommand> FinishBench(const RawBench& raw,
                                         std::chrono::milliseconds timeout);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_BENCH_OPTIONS_H_
