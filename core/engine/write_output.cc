#include "core/engine/write_output.h"

#include <algorithm>
#include <vector>

#include "core/layers/output_ops.h"

namespace elmo {
namespace {

// The rows that are returned.
ConstMatrix Kept(const OutputSpec& spec, ConstMatrix layer) {
  return spec.keep_boundaries ? layer : layer.Rows(1, layer.rows() - 2);
}

// Pools and normalises one matrix of rows into `out`; returns the end of what
// it wrote.
float* Emit(const OutputSpec& spec, ConstMatrix rows, float* out) {
  int64_t written = 1;
  switch (spec.pooling) {
    case Pooling::kMean:
      MeanOfRows(rows, out);
      break;
    case Pooling::kMax:
      MaxOfRows(rows, out);
      break;
    case Pooling::kNone:
      written = rows.rows();
      std::copy_n(rows.data(), rows.size(), out);
      break;
  }
  if (spec.normalize) NormaliseRows(Matrix(out, written, rows.cols()));
  return out + written * rows.cols();
}

ConstMatrix MixLayers(const OutputSpec& spec, int num_layers, LayerReader read,
                      ScratchMatrix* mixed) {
  const std::vector<float> coefficients =
      MixCoefficients(spec.mix_weights, num_layers, spec.gamma);
  Matrix sum;
  for (int l = 0; l < num_layers; ++l) {
    const ConstMatrix layer = read(l);
    const ConstMatrix kept = Kept(spec, layer);
    if (l == 0) {
      sum = mixed->Get(kept.rows(), kept.cols());
      std::fill_n(sum.data(), sum.size(), 0.0f);
    }
    Normalisation normalisation;
    if (spec.layer_norm) {
      // The boundaries do not count, unless there is nothing else.
      normalisation = LayerNormalisation(
          layer.rows() > 2 ? layer.Rows(1, layer.rows() - 2) : layer);
    }
    AddWeighted(kept, coefficients[l], normalisation, sum);
  }
  return sum;
}

}  // namespace

void WriteOutput(const OutputSpec& spec, int num_layers, LayerReader layer,
                 ScratchMatrix* mixed, absl::Span<float> values) {
  float* out = values.data();
  if (spec.selection == OutputSpec::Selection::kMix) {
    out = Emit(spec, MixLayers(spec, num_layers, layer, mixed), out);
  } else if (spec.layers.empty()) {
    for (int l = 0; l < num_layers; ++l) {
      out = Emit(spec, Kept(spec, layer(l)), out);
    }
  } else {
    for (int l : spec.layers) out = Emit(spec, Kept(spec, layer(l)), out);
  }
  ELMO_CHECK(out == values.data() + values.size());
}

}  // namespace elmo
