#ifndef ELMO_CORE_TOOL_WEIGHTS_FILE_KIND_H_
#define ELMO_CORE_TOOL_WEIGHTS_FILE_KIND_H_

#include <string>

#include "absl/status/status.h"

namespace elmo {

// OK if the file starts like HDF5. Otherwise an error that says what it is
// where that is known: people try TensorFlow checkpoints, PyTorch files, saved
// error pages and Git LFS pointers.
absl::Status CheckIsHdf5(const std::string& path);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_WEIGHTS_FILE_KIND_H_
