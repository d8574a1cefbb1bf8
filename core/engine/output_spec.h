#ifndef ELMO_CORE_ENGINE_OUTPUT_SPEC_H_
#define ELMO_CORE_ENGINE_OUTPUT_SPEC_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/model/model_options.h"

namespace elmo {

enum class Pooling { kNone, kMean, kMax };

// What the caller wants of a sentence. The default is the plain average of all
// layers, one vector per token.
struct OutputSpec {
  enum class Selection {
    kMix,     // One vector: gamma * sum_l softmax(mix_weights)_l * layer_l.
    kLayers,  // The layers named in `layers`, in that order.
  };
  Selection selection = Selection::kMix;

  // kLayers: indices, 0 (token vector) .. L. Empty: all.
  std::vector<int> layers;

  // kMix: one weight per layer, before softmax. Empty: the plain average.
  std::vector<float> mix_weights;
  float gamma = 1;
  // kMix: each layer is normalised to mean 0 and variance 1 over all elements
  // of the sentence's tokens before it is weighted, with epsilon 1e-12 under
  // the root (bilm-tf's formula, per sentence; the boundaries do not count,
  // unless the sentence has no tokens).
  bool layer_norm = false;

  // One vector per sentence instead of one per token, over the rows that would
  // be returned otherwise. A sentence without rows pools to zeros.
  Pooling pooling = Pooling::kNone;
  // Each vector is divided by its L2 norm, last of all. A zero vector stays.
  bool normalize = false;
  // Also the vectors of <S> and </S>, first and last.
  bool keep_boundaries = false;
};

// INVALID_ARGUMENT naming the field of elmo.v1.OutputSpec, value and limit: a
// layer index outside 0..L or named twice, a wrong number of weights, a weight
// or gamma that is not finite.
absl::Status ValidateOutputSpec(const OutputSpec& spec,
                                const ModelOptions& options);

// Shape of a sentence's values: [layers, rows, dim], [rows, dim] for a mix, and
// without `rows` when pooled. `spec` must be valid.
std::vector<int64_t> OutputShape(const OutputSpec& spec,
                                 const ModelOptions& options,
                                 int64_t num_tokens);

// The product of OutputShape().
int64_t OutputSize(const OutputSpec& spec, const ModelOptions& options,
                   int64_t num_tokens);

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_OUTPUT_SPEC_H_
