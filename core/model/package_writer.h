#ifndef ELMO_CORE_MODEL_PACKAGE_WRITER_H_
#define ELMO_CORE_MODEL_PACKAGE_WRITER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "core/model/lstm_state.h"
#include "core/model/model_weights.h"
#include "core/model/safetensors_file.h"

namespace elmo {

// What a new package is made of.
struct PackageContents {
  std::string name;          // As ValidateModelName() wants it.
  std::string options_json;  // Goes into options.json byte by byte.
  ModelWeights weights;      // Views; must be valid during the call.
  std::optional<LstmState> warm_state;
  // How weights are stored. A warm state is always stored as f32.
  DType storage = DType::kF32;
  // More keys for the header, such as kSourceWeightsKey. The keys that the
  // format itself uses are set here.
  Metadata metadata;
};

// Writes a package into `directory`, all or nothing: it is written beside its
// place and renamed when it is complete and on the disk. `directory` may exist
// if it is empty; with `replace` also if it holds a package and nothing else.
//
// INVALID_ARGUMENT: options, weights and state do not belong together, a value
// is NaN or infinite (also: too large for f16); names the tensor.
// ALREADY_EXISTS: there is something in `directory` that is not replaced.
absl::Status WritePackage(const PackageContents& contents,
                          const std::string& directory, bool replace = false);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_PACKAGE_WRITER_H_
