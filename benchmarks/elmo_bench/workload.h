#ifndef ELMO_BENCHMARKS_ELMO_BENCH_WORKLOAD_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/elmo_bench/machine.h"
#include "client/load/request_pool.h"
#include "core/base/team.h"
#include "core/engine/elmo_engine.h"
#include "core/model/model_package.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo::bench {

// Writes a package of the released dimensions (4096 cells projected to 512, two
// layers, two highways) into `directory`, unless there is one: random weights,
// such that some of the cells clip.
absl::Status EnsureReleasedPackage(const std::string& directory);

// `count` invented sentences of log-normal length, mean 20, always the same;
// the load through gRPC sends the like.
std::vector<PooledRequest> MixedRequests(int count,
                                         const v1::EmbedRequest& prototype);
std::vector<std::vector<std::string>> MixedSentences(int count);
// The same with so many tokens each.
std::vector<std::vector<std::string>> SentencesOf(int count, int tokens);

// Sentences that an engine runs together, on one thread, with what that takes:
// the average of the layers for each token, as the service does by default.
class Batch {
 public:
  // `team`: whose helpers share the work; null: nobody's.
  Batch(const ElmoEngine* engine,
        std::vector<std::vector<std::string>> sentences, Team* team = nullptr);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void Run();

  // Afterwards: how many of the cells' c, after the last step, are at the clip.
  double ClippedShare(const LstmOptions& options);

 private:
  const ElmoEngine* const engine_;
  const std::vector<std::vector<std::string>> sentences_;
  const OutputSpec spec_;
  std::unique_ptr<Engine::Workspace> workspace_;
  std::vector<LstmState> states_;
  std::vector<SentenceInput> inputs_;
  std::vector<SentenceOutput> outputs_;
};

// Steps of sentences: their tokens and the two boundaries, longest first.
std::vector<int64_t> StepsOf(
    const std::vector<std::vector<std::string>>& sentences);
int64_t TokensOf(const std::vector<std::vector<std::string>>& sentences);
int64_t Sum(const std::vector<int64_t>& values);

// What the LSTMs multiply and add for a step of one sentence, all cells: the
// character CNN, gates and clips are not counted.
double FlopPerStep(const LstmOptions& options);
// Bytes of the LSTMs' weights.
double LstmBytes(const LstmOptions& options, Precision precision);
// Bytes of all weights as the engine packs them: the LSTMs in `precision`, the
// rest in f32, the convolutions as tables.
double PackedBytes(const ModelOptions& options, Precision precision);

// The least seconds for the LSTMs of one batch, while peaks.workers workers do
// the like, `together` of them sharing each batch. Each step of a cell
// multiplies its rows at the peak of matmul, and reads the recurrent and
// projection weights: the workers' share of L3 keeps what fits and is read at
// its measured rate, the rest comes from memory at its own; what fits their L2
// costs nothing. The longer of the two counts. The input weights are read from
// memory once for each 128 rows.
double LeastSeconds(const LstmOptions& options,
                    const std::vector<int64_t>& steps, Precision precision,
                    const Machine& machine, const Peaks& peaks,
                    int together = 1);

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_WORKLOAD_H_
