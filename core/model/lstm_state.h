#ifndef ELMO_CORE_MODEL_LSTM_STATE_H_
#define ELMO_CORE_MODEL_LSTM_STATE_H_

#include <vector>

#include "core/model/model_options.h"

namespace elmo {

// The recurrent state of one sentence: (h, c) of every cell, a cell being one
// (direction, layer) of the LSTM stack. Cell index: direction * num_layers +
// layer, direction 0 forward, 1 backward.
//   h [cells, projection_dim]  after projecting and clipping, before the skip
//   c [cells, dim]             after clipping
// Forward cells: after </S>; backward cells: after <S>.
struct LstmState {
  std::vector<float> h;
  std::vector<float> c;

  // All zeros, as the original programs start.
  static LstmState Zero(const LstmOptions& options) {
    const size_t cells = 2 * static_cast<size_t>(options.num_layers);
    return {std::vector<float>(cells * options.projection_dim),
            std::vector<float>(cells * options.dim)};
  }
};

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_LSTM_STATE_H_
