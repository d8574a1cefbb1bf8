#ifndef ELMO_SERVER_MODEL_LOADER_H_
#define ELMO_SERVER_MODEL_LOADER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/command_line.h"
#include "server/served_model.h"

namespace elmo {

// Loads the packages that the command line names and builds their engines.
// Errors name the file and the defect; nothing in a package can crash this.
absl::StatusOr<std::vector<ServedModel>> LoadModels(const CommandLine& options);

}  // namespace elmo

#endif  // ELMO_SERVER_MODEL_LOADER_H_
