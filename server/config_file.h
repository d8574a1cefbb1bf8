#ifndef ELMO_SERVER_CONFIG_FILE_H_
#define ELMO_SERVER_CONFIG_FILE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace elmo {

// One line of a configuration file.
struct ConfigEntry {
  std::string key;
  std::vector<std::string> values;  // More than one for a list.
  int line = 0;                     // From 1.
};

// Reads lines of TOML: `key = value`, values as CLI11 reads them (quoted or
// not, or a list in brackets), # begins a comment. A key must be one of `known`
// and there once; sections, and lists over several lines, are not understood.
//
// INVALID_ARGUMENT naming line and key, never a value.
absl::StatusOr<std::vector<ConfigEntry>> ParseConfig(
    absl::string_view text, const std::set<std::string>& known);

}  // namespace elmo

#endif  // ELMO_SERVER_CONFIG_FILE_H_
