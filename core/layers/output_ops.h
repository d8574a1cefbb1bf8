#ifndef ELMO_CORE_LAYERS_OUTPUT_OPS_H_
#define ELMO_CORE_LAYERS_OUTPUT_OPS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/base/matrix_view.h"

namespace elmo {

// What is done to the layers of one sentence after the LSTMs. All functions are
// thread-safe; sums run in a fixed order.

// gamma * softmax(weights); `num_layers` equal weights where none are given.
std::vector<float> MixCoefficients(absl::Span<const float> weights,
                                   int64_t num_layers, float gamma);

// x -> (x - mean) * scale.
struct Normalisation {
  float mean = 0;
  float scale = 1;
};

// One mean and one variance over all elements of `layer`, epsilon 1e-12 under
// the root (bilm-tf's layer norm). An empty matrix: the identity.
Normalisation LayerNormalisation(ConstMatrix layer);

// sum += coefficient * normalised(layer); same shape.
void AddWeighted(ConstMatrix layer, float coefficient,
                 const Normalisation& normalisation, Matrix sum);

// out[c] = mean or maximum over the rows of x; zeros where there are none.
void MeanOfRows(ConstMatrix x, float* out);
void MaxOfRows(ConstMatrix x, float* out);

// Divides each row by its L2 norm; a zero row stays.
void NormaliseRows(Matrix x);

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_OUTPUT_OPS_H_
