#ifndef ELMO_CORE_ENGINE_ELMO_ENGINE_H_
#define ELMO_CORE_ENGINE_ELMO_ENGINE_H_

#include <memory>
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
  // Packs the weights and keeps no reference to them. INVALID_ARGUMENT for bad
  // options, INTERNAL if oneDNN refuses the dimensions.
  static absl::StatusOr<std::unique_ptr<ElmoEngine>> Create(
      const ModelOptions& options, const ModelWeights& weights,
      const ElmoEngineOptions& engine_options);

  const ModelOptions& options() const override { return options_; }
  std::unique_ptr<Workspace> CreateWorkspace() const override;
  absl::Status Run(absl::Span<const SentenceInput> inputs, Workspace* workspace,
                   absl::Span<SentenceOutput> outputs) const override;

  std::string isa() const override { return isa_; }
  WordCache::Stats word_cache_stats() const override {
    return token_vectors_.cache_stats();
  }

 private:
  struct WorkspaceImpl;
  enum Direction { kForward = 0, kBackward = 1 };

  ElmoEngine(const ModelOptions& options, const ModelWeights& weights,
             const ElmoEngineOptions& engine_options,
             const CharEncoder& encoder, const Kernels& kernels);

  void Plan(absl::Span<const SentenceInput> inputs, WorkspaceImpl* w) const;
  // Layer 0 of both directions, in packed order.
  void GatherTokenVectors(absl::Span<const SentenceInput> inputs,
                          WorkspaceImpl* w) const;
  absl::Status RunCell(absl::Span<const SentenceInput> inputs,
                       Direction direction, int layer, WorkspaceImpl* w,
                       absl::Span<SentenceOutput> outputs) const;
  // One sentence's layer, boundaries included, [forward ; backward]; in `w`
  // until the next call.
  ConstMatrix ReadLayer(int layer, int64_t row, WorkspaceImpl* w) const;

  const ModelOptions options_;
  const std::string isa_;
  TokenVectors token_vectors_;
  std::vector<std::unique_ptr<LstmCell>> cells_[2];  // [direction][layer]
};

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_ELMO_ENGINE_H_
