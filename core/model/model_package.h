#ifndef ELMO_CORE_MODEL_MODEL_PACKAGE_H_
#define ELMO_CORE_MODEL_MODEL_PACKAGE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/lstm_state.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"

namespace elmo {

// A model on disk: a folder with options.json and model.safetensors. The format
// is described in docs/model-package.md.
//
// Thread-safe: constant after Load.
class ModelPackage {
 public:
  // Maps the files read-only and checks everything: header, tensor names,
  // shapes, sizes, overflow, checksums, NaN and Inf. Any defect is an error
  // that names the file and the tensor or key; it never crashes. Tensors stored
  // as f16 or bf16 are widened to f32.
  static absl::StatusOr<std::unique_ptr<ModelPackage>> Load(
      const std::string& directory);

  virtual ~ModelPackage() = default;

  virtual const std::string& name() const = 0;
  // SHA-256 of model.safetensors, 64 hexadecimal digits.
  virtual const std::string& checksum() const = 0;
  virtual const ModelOptions& options() const = 0;
  // Valid as long as this object.
  virtual const ModelWeights& weights() const = 0;
  // The frozen warm start state; nullopt where the package has none.
  virtual const std::optional<LstmState>& warm_state() const = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_MODEL_PACKAGE_H_
