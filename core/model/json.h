#ifndef ELMO_CORE_MODEL_JSON_H_
#define ELMO_CORE_MODEL_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace elmo {

// Largest JSON text that is looked at; options and headers are a few KiB.
inline constexpr size_t kMaxJsonBytes = 1 << 20;

// Parses JSON from outside without exceptions. INVALID_ARGUMENT for a syntax
// error (with the byte where it is), more than kMaxJsonBytes, nesting deeper
// than 16, a key that stands twice in an object, or a top level that is not an
// object.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text);

// A value as it may stand in a message: on one line, ASCII, cut to 60 bytes.
std::string JsonForMessage(const nlohmann::json& value);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_JSON_H_
