#ifndef ELMO_BENCHMARKS_ELMO_BENCH_CONTEXT_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_CONTEXT_H_

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/elmo_bench/machine.h"
#include "benchmarks/elmo_bench/measure.h"
#include "benchmarks/elmo_bench/report.h"
#include "core/base/check.h"
#include "core/engine/elmo_engine.h"
#include "core/model/model_package.h"

namespace elmo::bench {

struct Settings {
  bool quick = false;
  std::string model;   // Folder of a package.
  std::string server;  // The elmo-server to run.
  std::string corpus;  // Running text, plain or .xz; may be missing.
  std::string work;    // Folder for files of the run.
  std::string json;    // File to write.
  int workers = 0;     // 0: the CPUs granted.
  std::vector<Precision> precisions;
};

// What every part has.
struct Context {
  Settings settings;
  Report* report = nullptr;
  Machine machine;
  std::unique_ptr<ModelPackage> package;

  const ModelOptions& model() const { return package->options(); }
  int workers() const { return machine.peaks.rbegin()->first; }
  // The worker counts that peaks were measured for.
  std::vector<int> worker_counts() const {
    return workers() == 1 ? std::vector<int>{1}
                          : std::vector<int>{1, workers()};
  }
  // How many sentences together.
  std::vector<int> sentence_counts() const {
    return settings.quick ? std::vector<int>{1, 8, 32}
                          : std::vector<int>{1, 4, 8, 16, 32, 64, 128};
  }
  Repetitions repetitions() const {
    return settings.quick ? Repetitions{3, 0.05} : Repetitions{5, 0.3};
  }
  std::unique_ptr<ElmoEngine> MakeEngine(Precision precision) const {
    ElmoEngineOptions options;
    options.precision = precision;
    auto engine =
        ElmoEngine::Create(package->options(), package->weights(), options);
    ELMO_CHECK(engine.ok());
    return *std::move(engine);
  }
};

// The parts, each with its own table or two.
void Throughput(const Context& context);  // Sentences together.
void Latency(const Context& context);     // One sentence.
void Growth(const Context& context);      // Length, workers.
void CharacterCnn(const Context& context);
void Cache(const Context& context);  // Of words.
void Grpc(const Context& context);
void Start(const Context& context);  // And memory.

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_CONTEXT_H_
