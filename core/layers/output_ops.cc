#include "core/layers/output_ops.h"

#include <algorithm>
#include <cmath>

namespace elmo {

std::vector<float> MixCoefficients(absl::Span<const float> weights,
                                   int64_t num_layers, float gamma) {
  std::vector<double> exponentials(num_layers, 1.0);
  if (!weights.empty()) {
    const double largest = *std::max_element(weights.begin(), weights.end());
    for (int64_t l = 0; l < num_layers; ++l) {
      exponentials[l] = std::exp(weights[l] - largest);
    }
  }
  double total = 0;
  for (double e : exponentials) total += e;
  std::vector<float> coefficients(num_layers);
  for (int64_t l = 0; l < num_layers; ++l) {
    coefficients[l] = static_cast<float>(gamma * exponentials[l] / total);
  }
  return coefficients;
}

Normalisation LayerNormalisation(ConstMatrix layer) {
  if (layer.empty()) return {};
  double sum = 0;
  for (int64_t r = 0; r < layer.rows(); ++r) {
    for (int64_t c = 0; c < layer.cols(); ++c) sum += layer(r, c);
  }
  const double mean = sum / static_cast<double>(layer.size());
  double squares = 0;
  for (int64_t r = 0; r < layer.rows(); ++r) {
    for (int64_t c = 0; c < layer.cols(); ++c) {
      const double d = layer(r, c) - mean;
      squares += d * d;
    }
  }
  const double variance = squares / static_cast<double>(layer.size());
  return {static_cast<float>(mean),
          static_cast<float>(1 / std::sqrt(variance + 1e-12))};
}

void AddWeighted(ConstMatrix layer, float coefficient,
                 const Normalisation& normalisation, Matrix sum) {
  for (int64_t r = 0; r < layer.rows(); ++r) {
    const float* x = layer.row(r);
    float* out = sum.row(r);
    for (int64_t c = 0; c < layer.cols(); ++c) {
      out[c] +=
          coefficient * ((x[c] - normalisation.mean) * normalisation.scale);
    }
  }
}

void MeanOfRows(ConstMatrix x, float* out) {
  for (int64_t c = 0; c < x.cols(); ++c) {
    double sum = 0;
    for (int64_t r = 0; r < x.rows(); ++r) sum += x(r, c);
    out[c] = x.rows() == 0
                 ? 0
                 : static_cast<float>(sum / static_cast<double>(x.rows()));
  }
}

void MaxOfRows(ConstMatrix x, float* out) {
  std::fill_n(out, x.cols(), 0.0f);
  for (int64_t r = 0; r < x.rows(); ++r) {
    const float* row = x.row(r);
    for (int64_t c = 0; c < x.cols(); ++c) {
      out[c] = r == 0 ? row[c] : std::max(out[c], row[c]);
    }
  }
}

void NormaliseRows(Matrix x) {
  for (int64_t r = 0; r < x.rows(); ++r) {
    float* row = x.row(r);
    double squares = 0;
    for (int64_t c = 0; c < x.cols(); ++c) {
      squares += static_cast<double>(row[c]) * row[c];
    }
    if (squares == 0) continue;
    const double scale = 1 / std::sqrt(squares);
    for (int64_t c = 0; c < x.cols(); ++c) {
      row[c] = static_cast<float>(row[c] * scale);
    }
  }
}

}  // namespace elmo
