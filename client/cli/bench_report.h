#ifndef ELMO_CLIENT_CLI_BENCH_REPORT_H_
#define ELMO_CLIENT_CLI_BENCH_REPORT_H_

#include <string>
#include <vector>

#include "client/cli/cli_options.h"
#include "client/load/load_summary.h"

namespace elmo::cli {

// Everything that `bench` found out.
struct BenchResult {
  BenchCommand command;
  std::string server;
  LoadSummary summary;
  std::vector<LoadInterval> intervals;
  Percentiles unloaded;  // One request at a time, before the load.
  absl::Status first_failure;
  bool interrupted = false;
};

// For people: a table.
std::string BenchText(const BenchResult& result);

// For programs: one JSON object; times in milliseconds where the name says so.
std::string BenchJson(const BenchResult& result);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_BENCH_REPORT_H_
