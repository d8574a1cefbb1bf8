#ifndef ELMO_CLIENT_CLI_LATENCY_PLOT_H_
#define ELMO_CLIENT_CLI_LATENCY_PLOT_H_

#include <string>

#include "client/cli/bench_report.h"

namespace elmo::cli {

// An SVG picture of a load over its time: latency of the answers (median, 99th
// percentile and slowest of each stretch, logarithmic) above what became of the
// requests, per second. Needs nothing but a browser.
std::string LatencyPlot(const BenchResult& result);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_LATENCY_PLOT_H_
