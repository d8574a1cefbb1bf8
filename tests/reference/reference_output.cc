// The tail of the reference: mix, layer norm, pooling, L2.

#include <algorithm>
#include <cmath>

#include "tests/reference/reference_elmo.h"

namespace elmo::testing {
namespace {

using Row = std::vector<double>;

// (x - mean) / sqrt(variance + 1e-12), mean and variance over all elements of
// the sentence's words: without the boundaries, unless there is nothing else.
Rows LayerNorm(const Rows& layer) {
  Rows counted(layer.begin() + 1, layer.end() - 1);
  if (counted.empty()) counted = layer;
  double sum = 0;
  double count = 0;
  for (const Row& row : counted) {
    for (double x : row) {
      sum += x;
      count += 1;
    }
  }
  const double mean = sum / count;
  double squares = 0;
  for (const Row& row : counted) {
    for (double x : row) squares += (x - mean) * (x - mean);
  }
  const double deviation = std::sqrt(squares / count + 1e-12);
  Rows result = layer;
  for (Row& row : result) {
    for (double& x : row) x = (x - mean) / deviation;
  }
  return result;
}

Row Softmax(const std::vector<float>& weights, size_t num_layers) {
  Row result(weights.begin(), weights.end());
  result.resize(num_layers);  // No weights given: all equal.
  const double largest = *std::max_element(result.begin(), result.end());
  double sum = 0;
  for (double& w : result) {
    w = std::exp(w - largest);
    sum += w;
  }
  for (double& w : result) w /= sum;
  return result;
}

Rows Mix(const std::vector<Rows>& layers, const OutputSpec& spec) {
  const Row weights = Softmax(spec.mix_weights, layers.size());
  Rows mix(layers[0].size(), Row(layers[0][0].size()));
  for (size_t l = 0; l < layers.size(); ++l) {
    const Rows layer = spec.layer_norm ? LayerNorm(layers[l]) : layers[l];
    for (size_t t = 0; t < mix.size(); ++t) {
      for (size_t n = 0; n < mix[t].size(); ++n) {
        mix[t][n] += spec.gamma * weights[l] * layer[t][n];
      }
    }
  }
  return mix;
}

Row Pool(const Rows& rows, size_t dim, Pooling pooling) {
  if (rows.empty()) return Row(dim, 0.0);
  Row pooled = rows[0];
  for (size_t t = 1; t < rows.size(); ++t) {
    for (size_t n = 0; n < dim; ++n) {
      pooled[n] = pooling == Pooling::kMax ? std::max(pooled[n], rows[t][n])
                                           : pooled[n] + rows[t][n];
    }
  }
  if (pooling == Pooling::kMean) {
    for (double& x : pooled) x /= static_cast<double>(rows.size());
  }
  return pooled;
}

void Normalize(Row* row) {
  double squares = 0;
  for (double x : *row) squares += x * x;
  if (squares == 0) return;
  for (double& x : *row) x /= std::sqrt(squares);
}

}  // namespace

WantedMatrix ReferenceOutput(const ReferenceResult& result,
                             const OutputSpec& spec) {
  std::vector<Rows> selected;
  if (spec.selection == OutputSpec::Selection::kMix) {
    selected.push_back(Mix(result.layers, spec));
  } else if (spec.layers.empty()) {
    selected = result.layers;
  } else {
    for (int layer : spec.layers) selected.push_back(result.layers[layer]);
  }
  const size_t dim = result.layers[0][0].size();
  WantedMatrix output{{}, static_cast<int64_t>(dim)};
  for (Rows& rows : selected) {
    if (!spec.keep_boundaries) {
      rows.erase(rows.begin());
      rows.pop_back();
    }
    if (spec.pooling != Pooling::kNone) rows = {Pool(rows, dim, spec.pooling)};
    for (Row& row : rows) {
      if (spec.normalize) Normalize(&row);
      output.values.insert(output.values.end(), row.begin(), row.end());
    }
  }
  return output;
}

}  // namespace elmo::testing
