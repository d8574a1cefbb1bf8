#ifndef ELMO_CORE_MODEL_MODEL_WEIGHTS_H_
#define ELMO_CORE_MODEL_MODEL_WEIGHTS_H_

#include <vector>

#include "core/base/matrix_view.h"

namespace elmo {

// Views of a model's f32 weights, with the values and layouts of the published
// weight files. The storage belongs to whoever made the views (ModelPackage).
// A bias is a matrix of one row.

struct ConvolutionWeights {
  int width = 0;       // Characters.
  ConstMatrix weight;  // [width * embedding_dim, count], position-major.
  ConstMatrix bias;    // [1, count]
};

// y = g * relu(x W_transform + b_transform) + (1 - g) * x,
// g = sigmoid(x W_carry + b_carry): "carry" gates the transform.
struct HighwayWeights {
  ConstMatrix carry_weight;  // [F, F], used as x @ W
  ConstMatrix carry_bias;    // [1, F]
  ConstMatrix transform_weight;
  ConstMatrix transform_bias;
};

struct CharCnnWeights {
  ConstMatrix embedding;  // [261, d]; row k is character id k + 1
  std::vector<ConvolutionWeights> convolutions;  // In the options' order.
  std::vector<HighwayWeights> highways;
  ConstMatrix projection;       // [F, P]; may be empty where F == P
  ConstMatrix projection_bias;  // [1, P]; empty likewise
};

// z = [in ; h] @ weight + bias, gates i, j (candidate), f, o. The forget gate's
// +1 is not in the bias.
struct LstmCellWeights {
  ConstMatrix weight;      // [2P, 4H]: P input rows, then P recurrent rows
  ConstMatrix bias;        // [1, 4H]
  ConstMatrix projection;  // [H, P]; may be empty where P == H
};

struct ModelWeights {
  CharCnnWeights char_cnn;
  std::vector<LstmCellWeights> forward;   // By layer.
  std::vector<LstmCellWeights> backward;  // By layer.
};

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_MODEL_WEIGHTS_H_
