#ifndef ELMO_SERVER_SECURITY_SMALL_FILE_H_
#define ELMO_SERVER_SECURITY_SMALL_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace elmo {

// Contents of files that belong together, in the order of `paths`; an empty
// path gives an empty string. They are read until two readings agree, so that
// files which are being replaced are not taken half old, half new.
//
// NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (no plain file, or larger
// than 1 MB) naming the path. Messages never hold contents.
absl::StatusOr<std::vector<std::string>> ReadTogether(
    const std::vector<std::string>& paths);

// Whether every user of this machine may read it. False where it is not there.
bool IsReadableByAll(const std::string& path);

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_SMALL_FILE_H_
