#include "core/engine/output_spec.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace elmo {
namespace {

absl::Status ValidateLayers(const std::vector<int>& layers, int num_layers) {
  std::vector<bool> seen(num_layers);
  for (size_t i = 0; i < layers.size(); ++i) {
    const int layer = layers[i];
    if (layer < 0 || layer >= num_layers) {
      return absl::InvalidArgumentError(
          absl::StrCat("output.layers.indices[", i, "] is ", layer,
                       "; the model has layers 0 to ", num_layers - 1));
    }
    if (seen[layer]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "output.layers.indices[", i, "] names layer ", layer, " again"));
    }
    seen[layer] = true;
  }
  return absl::OkStatus();
}

absl::Status ValidateMix(const OutputSpec& spec, int num_layers) {
  const std::vector<float>& weights = spec.mix_weights;
  if (!weights.empty() && static_cast<int>(weights.size()) != num_layers) {
    return absl::InvalidArgumentError(
        absl::StrCat("output.mix.weights has ", weights.size(),
                     " values; the model has ", num_layers, " layers"));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i])) {
      return absl::InvalidArgumentError(absl::StrCat("output.mix.weights[", i,
                                                     "] is ", weights[i],
                                                     "; it must be finite"));
    }
  }
  if (!std::isfinite(spec.gamma)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "output.mix.gamma is ", spec.gamma, "; it must be finite"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateOutputSpec(const OutputSpec& spec,
                                const ModelOptions& options) {
  if (spec.selection == OutputSpec::Selection::kLayers) {
    return ValidateLayers(spec.layers, options.num_output_layers());
  }
  return ValidateMix(spec, options.num_output_layers());
}

std::vector<int64_t> OutputShape(const OutputSpec& spec,
                                 const ModelOptions& options,
                                 int64_t num_tokens) {
  std::vector<int64_t> shape;
  if (spec.selection == OutputSpec::Selection::kLayers) {
    shape.push_back(spec.layers.empty()
                        ? options.num_output_layers()
                        : static_cast<int64_t>(spec.layers.size()));
  }
  if (spec.pooling == Pooling::kNone) {
    shape.push_back(num_tokens + (spec.keep_boundaries ? 2 : 0));
  }
  shape.push_back(options.output_dim());
  return shape;
}

int64_t OutputSize(const OutputSpec& spec, const ModelOptions& options,
                   int64_t num_tokens) {
  int64_t size = 1;
  for (int64_t extent : OutputShape(spec, options, num_tokens)) size *= extent;
  return size;
}

}  // namespace elmo
