#ifndef ELMO_CORE_LAYERS_GATE_LAYOUT_H_
#define ELMO_CORE_LAYERS_GATE_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "core/model/model_options.h"

namespace elmo {

// How our kernels want the gates of a cell: unit u's gate g (i, j, f, o) stands
// in panel 4 * (u / 16) + g, column u % 16.

// Source column of each packed gate column; -1 for units that only fill up a
// panel.
std::vector<int64_t> PackedGateColumns(int64_t units);

// By packed gate column: the forget gate's +1, which weight files do not hold.
std::vector<float> PackedForgetBias(int64_t units);

// Width of h, padding included.
int64_t LstmStateWidth(const LstmOptions& options);

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_GATE_LAYOUT_H_
