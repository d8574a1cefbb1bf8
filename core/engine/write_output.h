#ifndef ELMO_CORE_ENGINE_WRITE_OUTPUT_H_
#define ELMO_CORE_ENGINE_WRITE_OUTPUT_H_

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/base/matrix_view.h"
#include "core/engine/output_spec.h"
#include "core/layers/scratch.h"

namespace elmo {

// One layer of a sentence, <S> and </S> included: [tokens + 2, dim]. What it
// returns may be overwritten by the next call.
using LayerReader = absl::FunctionRef<ConstMatrix(int layer)>;

// Turns a sentence's layers into what `spec` asks for: selects or mixes, drops
// the boundaries, pools, normalises. `spec` must be valid for `num_layers`;
// `values` has OutputSize() elements. `mixed` is scratch memory.
void WriteOutput(const OutputSpec& spec, int num_layers, LayerReader layer,
                 ScratchMatrix* mixed, absl::Span<float> values);

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_WRITE_OUTPUT_H_
