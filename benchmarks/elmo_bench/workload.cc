#include "benchmarks/elmo_bench/workload.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>
#include <utility>

#include "core/base/check.h"
#include "core/layers/char_cnn.h"
#include "core/layers/packed_rows.h"
#include "core/model/package_writer.h"
#include "tests/testing/tiny_model.h"

namespace elmo::bench {
namespace {

using Sentences = std::vector<std::vector<std::string>>;

double BytesPerWeight(Precision precision) {
  switch (precision) {
    case Precision::kF32:
      return 4;
    case Precision::kBf16:
      return 2;
    case Precision::kInt8:
      return 1;
  }
  return 4;
}

// Of one cell: the input product's weights, and those of every step.
double InputWeights(const LstmOptions& options) {
  return 4.0 * options.projection_dim * options.dim;
}
double StepWeights(const LstmOptions& options) {
  return InputWeights(options) +
         (options.has_projection() ? 1.0 * options.dim * options.projection_dim
                                   : 0);
}

Sentences Drawn(int count, double mean_tokens, double spread, int max_tokens) {
  RequestPoolOptions pool;
  pool.distinct = count;
  pool.mean_tokens = mean_tokens;
  pool.spread = spread;
  pool.max_tokens = max_tokens;
  Sentences sentences;
  for (const PooledRequest& request : InventRequests(pool, {})) {
    const v1::Sentence& sentence = request.message->sentences(0);
    sentences.emplace_back(sentence.tokens().begin(), sentence.tokens().end());
  }
  return sentences;
}

}  // namespace

absl::Status EnsureReleasedPackage(const std::string& directory) {
  if (std::filesystem::exists(directory)) return absl::OkStatus();
  std::filesystem::create_directories(
      std::filesystem::path(directory).parent_path());
  testing::RandomModelScale scale;
  scale.forget_bias = 0.35f;  // Fills the cells.
  const ModelOptions options = testing::ReleasedOptions();
  const auto model = testing::RandomModel(options, /*seed=*/1, scale);
  PackageContents contents;
  contents.name = "random-released";
  contents.options_json = FormatModelOptions(options);
  contents.weights = model->weights();
  return WritePackage(contents, directory);
}

std::vector<PooledRequest> MixedRequests(int count,
                                         const v1::EmbedRequest& prototype) {
  RequestPoolOptions pool;  // Its lengths are those that we want.
  pool.distinct = count;
  return InventRequests(pool, prototype);
}

Sentences MixedSentences(int count) {
  const RequestPoolOptions pool;
  return Drawn(count, pool.mean_tokens, pool.spread, pool.max_tokens);
}

Sentences SentencesOf(int count, int tokens) {
  return Drawn(count, tokens, 0, tokens);
}

Batch::Batch(const ElmoEngine* engine, Sentences sentences, Team* team)
    : engine_(engine),
      sentences_(std::move(sentences)),
      workspace_(engine->CreateWorkspace()),
      states_(sentences_.size()),
      outputs_(sentences_.size()) {
  workspace_->team = team;
  for (const std::vector<std::string>& sentence : sentences_) {
    SentenceInput input;
    input.tokens = sentence;
    input.output = &spec_;
    inputs_.push_back(input);
  }
}

void Batch::Run() {
  const absl::Status status =
      engine_->Run(inputs_, workspace_.get(), absl::MakeSpan(outputs_));
  ELMO_CHECK(status.ok());
}

double Batch::ClippedShare(const LstmOptions& options) {
  if (options.cell_clip == 0) return 0;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].final_state = &states_[i];
  }
  Run();
  double clipped = 0, cells = 0;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].final_state = nullptr;
    for (float c : states_[i].c) clipped += std::abs(c) >= options.cell_clip;
    cells += static_cast<double>(states_[i].c.size());
  }
  return clipped / cells;
}

std::vector<int64_t> StepsOf(const Sentences& sentences) {
  std::vector<int64_t> steps;
  for (const std::vector<std::string>& sentence : sentences) {
    steps.push_back(static_cast<int64_t>(sentence.size()) + 2);
  }
  std::sort(steps.begin(), steps.end(), std::greater<>());
  return steps;
}

int64_t TokensOf(const Sentences& sentences) {
  return Sum(StepsOf(sentences)) - 2 * static_cast<int64_t>(sentences.size());
}

int64_t Sum(const std::vector<int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

double FlopPerStep(const LstmOptions& options) {
  const double cells = 2.0 * options.num_layers;
  return cells * 2 * (InputWeights(options) + StepWeights(options));
}

double LstmBytes(const LstmOptions& options, Precision precision) {
  return 2.0 * options.num_layers *
         (InputWeights(options) + StepWeights(options)) *
         BytesPerWeight(precision);
}

double PackedBytes(const ModelOptions& options, Precision precision) {
  const LstmOptions& lstm = options.lstm;
  double bytes = LstmBytes(lstm, precision);
  for (const CharCnnOptions::Filter& filter : options.char_cnn.filters) {
    bytes += 4.0 * CharCnn::kNumIds * filter.width * filter.count;
  }
  const double width = options.char_cnn.num_filters();
  bytes += 4 * 2 * width * width * options.char_cnn.num_highway;
  if (options.has_char_projection()) bytes += 4 * width * lstm.projection_dim;
  return bytes;
}

double LeastSeconds(const LstmOptions& options,
                    const std::vector<int64_t>& steps, Precision precision,
                    const Machine& machine, const Peaks& peaks, int together) {
  constexpr double kInputRows = 128;
  const double cells = 2.0 * options.num_layers;
  const double bytes = BytesPerWeight(precision);
  const double batches = 1.0 * peaks.workers / together;  // At a time.
  const double memory = peaks.dram.median * 1e9 / batches;
  const double l3 = peaks.l3.median * 1e9 / batches;
  const double flop = peaks.matmul.at(precision).median * 1e9 / batches;

  const double step_bytes = StepWeights(options) * bytes;
  const double l3_share =
      static_cast<double>(machine.l3_bytes) / std::min(batches, cells);
  double reading = 0;  // Seconds a step.
  if (step_bytes > static_cast<double>(together * machine.l2_bytes)) {
    const double kept = std::min(step_bytes, l3_share);
    reading = kept / l3 + (step_bytes - kept) / memory;
  }
  PackedRows rows;
  rows.Assign(steps);
  const double total = static_cast<double>(rows.total());
  double seconds = std::max(
      std::ceil(total / kInputRows) * InputWeights(options) * bytes / memory,
      2 * total * InputWeights(options) / flop);
  for (int64_t t = 0; t < rows.steps(); ++t) {
    seconds += std::max(reading, 2 * static_cast<double>(rows.rows_at(t)) *
                                     StepWeights(options) / flop);
  }
  return cells * seconds;
}

}  // namespace elmo::bench
