#ifndef ELMO_CORE_TOOL_IMPORT_MODEL_H_
#define ELMO_CORE_TOOL_IMPORT_MODEL_H_

#include <string>

#include "absl/status/status.h"
#include "core/model/safetensors_file.h"
#include "core/tool/guarded_process.h"

namespace elmo {

struct ImportArguments {
  std::string options_path;  // options.json of AllenNLP or bilm-tf.
  std::string weights_path;  // Their HDF5 weights.
  std::string output;        // The package's folder.
  std::string name;          // Empty: the last part of `output`.
  std::string warm_up_path;  // Text for the warm state; empty: none.
  DType storage = DType::kF32;
  bool replace = false;  // A package in `output` is replaced.
};

// Makes a package from published files, all or nothing. Errors name the file
// and the key or dataset. `notes` gets lines for the user.
absl::Status ImportModel(const ImportArguments& arguments, Notes* notes);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_IMPORT_MODEL_H_
