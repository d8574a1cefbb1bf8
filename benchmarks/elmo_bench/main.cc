// elmo-bench: what the machine can do, and what the engine and the server make
// of it. scripts/bench runs it; docs/performance.md says what the figures mean.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/elmo_bench/context.h"
#include "benchmarks/elmo_bench/workload.h"

namespace elmo::bench {
namespace {

struct Part {
  const char* name;
  const char* what;
  void (*run)(const Context& context);
};
constexpr Part kParts[] = {
    {"throughput", "1 to 128 sentences together, share of the peak",
     Throughput},
    {"latency", "one sentence of 1 to 200 tokens", Latency},
    {"growth", "length and workers, with the expected curve", Growth},
    {"cnn", "character CNN: uncached, cached, against a dense one",
     CharacterCnn},
    {"cache", "word cache on running text: hits, contention", Cache},
    {"grpc", "the same through gRPC; CPU time outside the engine", Grpc},
    {"start", "start to ready, resident memory", Start},
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "elmo-bench: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

int Measure(const Settings& settings, const std::vector<std::string>& wanted) {
  if (settings.model == settings.work + "/random-released") {
    const absl::Status status = EnsureReleasedPackage(settings.model);
    if (!status.ok()) return Fail(status);
  }
  Report report;
  Context context;
  context.settings = settings;
  context.report = &report;
  auto package = ModelPackage::Load(settings.model);
  if (!package.ok()) return Fail(package.status());
  context.package = *std::move(package);
  // A call takes milliseconds at most.
  context.machine = MeasureMachine(settings.workers, settings.precisions,
                                   {context.repetitions().runs, 0.1}, &report);
  const LstmOptions& lstm = context.model().lstm;
  report.Figure(
      "model", context.package->name(),
      absl::StrCat("Model: ", context.package->name(), ", ", lstm.num_layers,
                   " layers of ", lstm.dim, " cells projected to ",
                   lstm.projection_dim, " in each direction"));
  for (const Part& part : kParts) {
    if (wanted.empty() ||
        std::find(wanted.begin(), wanted.end(), part.name) != wanted.end()) {
      part.run(context);
    }
  }
  if (settings.json.empty()) return 0;
  const absl::Status status = report.Write(settings.json);
  return status.ok() ? 0 : Fail(status);
}

int Main(int argc, char** argv) {
  std::string about = "Measures the engine and the server. Parts:\n";
  std::vector<std::string> names;
  for (const Part& part : kParts) {
    names.emplace_back(part.name);
    absl::StrAppend(&about, "  ", part.name, ": ", part.what, "\n");
  }
  CLI::App app(about, "elmo-bench");
  Settings settings;
  std::vector<std::string> wanted, precisions;
  settings.work = "build/bench";
  settings.server =
      std::filesystem::path(argv[0]).parent_path() / "elmo-server";
  settings.corpus = "../shared/corpus/classics.txt.xz";
  app.add_option("PART", wanted, "What to measure; default: all")
      ->check(CLI::IsMember(names));
  app.add_flag("--quick", settings.quick,
               "Fewer sizes, three short runs: to see that it works");
  app.add_option("--model", settings.model,
                 "A package's folder; default: random weights of the released "
                 "dimensions");
  app.add_option("--precision", precisions,
                 "f32, bf16, int8, separated by commas; default: all that the "
                 "CPU has")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "bf16", "int8"}));
  app.add_option("--workers", settings.workers,
                 "Most workers; default: the CPUs granted")
      ->check(CLI::Range(1, 1024));
  app.add_option("--json", settings.json, "File for all figures");
  app.add_option("--corpus", settings.corpus, "Running text, plain or .xz")
      ->capture_default_str();
  app.add_option("--server", settings.server, "The elmo-server to run")
      ->capture_default_str();
  app.add_option("--work", settings.work, "Folder for files of the run")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (settings.model.empty())
    settings.model = settings.work + "/random-released";
  for (Precision precision : kPrecisions) {
    const std::string name(PrecisionName(precision));
    if (precisions.empty() || std::find(precisions.begin(), precisions.end(),
                                        name) != precisions.end()) {
      settings.precisions.push_back(precision);
    }
  }
  return Measure(settings, wanted);
}

}  // namespace
}  // namespace elmo::bench

int main(int argc, char** argv) { return elmo::bench::Main(argc, argv); }
