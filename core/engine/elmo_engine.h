#ifndef ELMO_CORE_ENGINE_ELMO_ENGINE_H_
#define ELMO_CORE_ENGINE_ELMO_ENGINE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "core/engine/token_vectors.h"
#include "core/engine/word_cache.h"
#include "core/layers/char_cnn.h"
#include "core/layers/kernels.h"
#include "core/layers/lstm_cell.h"
#include "core/layers/precision.h"
#include "core/model/model_weights.h"
#include "core/model/weight_sink.h"

namespace elmo {

struct ElmoEngineOptions {
  // One that CheckCpuFor() is content with.
  Precision precision = Precision::kF32;
  LstmPath lstm_path = LstmPath::kAuto;
  // For layer-0 vectors of words seen lately. 64 MB hold some 30,000 words of
  // the released models.
  int64_t word_cache_bytes = int64_t{64} << 20;
  // The inner loops; null: the fastest that the CPU runs.
  const Kernels* kernels = nullptr;

  absl::Status Validate() const;
};

// The ELMo model: words -> token vectors -> two independent stacks of LSTM
// layers, forward and backward -> what the caller asked for. See Engine for the
// contract.
class ElmoEngine final : public Engine {
 public:
  class Builder;

  // Packs the weights and keeps no reference to them. Errors: see Builder.
  static absl::StatusOr<std::unique_ptr<ElmoEngine>> Create(
      const ModelOptions& options, const ModelWeights& weights,
      const ElmoEngineOptions& engine_options);

  const ModelOptions& options() const override { return options_; }
  std::unique_ptr<Workspace> CreateWorkspace() const override;
  absl::Status Run(absl::Span<const SentenceInput> inputs, Workspace* workspace,
                   absl::Span<SentenceOutput> outputs) const override;

  std::string isa() const override { return isa_; }
  WordCache::Stats word_cache_stats() const override {
    return token_vectors_->cache_stats();
  }

 private:
  struct WorkspaceImpl;
  enum Direction { kForward = 0, kBackward = 1 };

  ElmoEngine(const ModelOptions& options, const Kernels& kernels);

  void Plan(absl::Span<const SentenceInput> inputs, WorkspaceImpl* w) const;
  // Layer 0: the vectors of all words, and which of them is where.
  void GatherTokenVectors(absl::Span<const SentenceInput> inputs,
                          WorkspaceImpl* w) const;
  // Layer 0 in the packed order of a direction.
  Matrix FirstInput(Direction direction, WorkspaceImpl* w) const;
  absl::Status RunCell(absl::Span<const SentenceInput> inputs,
                       Direction direction, int layer, WorkspaceImpl* w,
                       absl::Span<SentenceOutput> outputs) const;
  // One sentence's layer, boundaries included, [forward ; backward]; in `w`
  // until the next call.
  ConstMatrix ReadLayer(int layer, int64_t row, WorkspaceImpl* w) const;

  const ModelOptions options_;
  const std::string isa_;
  std::optional<TokenVectors> token_vectors_;        // There once it is built.
  std::vector<std::unique_ptr<LstmCell>> cells_[2];  // [direction][layer]
};

// Makes an engine of weights that come part by part: each is packed at once, so
// that the whole model is never in memory twice.
//
// Single thread only.
class ElmoEngine::Builder final : public WeightSink {
 public:
  explicit Builder(const ElmoEngineOptions& engine_options)
      : engine_options_(engine_options) {}

  // INVALID_ARGUMENT for bad options.
  absl::Status Begin(const ModelOptions& options) override;
  absl::Status TakeCharCnn(const CharCnnWeights& weights) override;
  // INTERNAL if oneDNN refuses the dimensions.
  absl::Status TakeCell(int direction, int layer,
                        const LstmCellWeights& weights) override;
  // Once, after all parts.
  std::unique_ptr<ElmoEngine> Build();

 private:
  const Kernels& kernels() const;

  const ElmoEngineOptions engine_options_;
  std::optional<CharEncoder> encoder_;
  std::unique_ptr<ElmoEngine> engine_;
};

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_ELMO_ENGINE_H_
