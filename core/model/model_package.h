#ifndef ELMO_CORE_MODEL_MODEL_PACKAGE_H_
#define ELMO_CORE_MODEL_MODEL_PACKAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/model/lstm_state.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"
#include "core/model/package_format.h"
#include "core/model/weight_sink.h"

namespace elmo {

// Calls both, at the same time or one after the other; returns when both are
// done. They do not throw.
using CallBoth = absl::FunctionRef<void(absl::FunctionRef<void()> one,
                                        absl::FunctionRef<void()> other)>;

// A model on disk: a folder with options.json and model.safetensors. The format
// is described in docs/model-package.md.
//
// Thread-safe: constant after Load.
class ModelPackage {
 public:
  // Reads the files and checks everything: header, tensor names, shapes, sizes,
  // overflow, checksums, NaN and Inf. Any defect is an error that names the
  // file and the tensor or key; it never crashes. Tensors stored as f16 or bf16
  // are widened to f32. Everything is copied: what happens to the files
  // afterwards does not matter.
  static absl::StatusOr<std::unique_ptr<ModelPackage>> Load(
      const std::string& directory);
  // The same, but weights() stays empty: `sink` gets the weights, each part as
  // soon as it is read and known to be finite, and only parts that are not
  // complete yet are in memory; one at a time, where the file has the tensors
  // in our order. Begin() is called when all that the header says has been
  // checked. Checksums, though, are known last: what was made of the parts must
  // not be used unless this succeeds. An error of `sink` is returned as it is.
  // `call_both` is used for what can be done by two threads.
  static absl::StatusOr<std::unique_ptr<ModelPackage>> LoadInto(
      const std::string& directory, WeightSink* sink, CallBoth call_both);

  const std::string& name() const { return name_; }
  // SHA-256 of model.safetensors, 64 hexadecimal digits.
  const std::string& checksum() const { return checksum_; }
  const ModelOptions& options() const { return options_; }
  // Valid as long as this object.
  const ModelWeights& weights() const { return weights_; }
  // The frozen warm start state; nullopt where the package has none.
  const std::optional<LstmState>& warm_state() const { return warm_state_; }

  // What the header says of the model, by the keys of package_format.h.
  const Metadata& metadata() const { return metadata_; }
  // How the weights are stored: "F32", "F16", "BF16", or several: "BF16, F32".
  const std::string& storage() const { return storage_; }
  // Size of model.safetensors.
  uint64_t file_bytes() const { return file_bytes_; }

 private:
  friend class PackageLoader;
  ModelPackage() = default;

  std::string name_;
  std::string checksum_;
  ModelOptions options_;
  AlignedBuffer<float> buffer_;
  ModelWeights weights_;  // Views into buffer_.
  std::optional<LstmState> warm_state_;
  Metadata metadata_;
  std::string storage_;
  uint64_t file_bytes_ = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_MODEL_PACKAGE_H_
