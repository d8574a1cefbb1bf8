#include "core/model/package_format.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/model/json.h"
#include "core/model/sha256.h"

namespace elmo {

std::string DimsString(const ModelOptions& options) {
  return absl::StrCat(
      "lstm.dim=", options.lstm.dim,
      " lstm.projection_dim=", options.lstm.projection_dim,
      " lstm.n_layers=", options.lstm.num_layers,
      " char_cnn.filters=", options.char_cnn.num_filters(),
      " char_cnn.n_highway=", options.char_cnn.num_highway,
      " char_cnn.embedding.dim=", options.char_cnn.embedding_dim);
}

absl::Status ValidateModelName(std::string_view name) {
  constexpr size_t kMaxBytes = 64;
  const auto allowed = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kMaxBytes ||
      !absl::ascii_isalnum(static_cast<unsigned char>(name[0])) ||
      !std::all_of(name.begin(), name.end(), allowed)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the model's name is ", JsonForMessage(nlohmann::json(name)),
        "; it must be 1 to 64 letters, digits, '.', '_' or '-', the first a "
        "letter or digit"));
  }
  return absl::OkStatus();
}

std::string ContentDigest(const Metadata& metadata,
                          const std::map<std::string, TensorDigest>& tensors) {
  Sha256 sha;
  for (const auto& [key, value] : metadata) {
    if (key != kContentDigestKey)
      sha.Update(absl::StrCat(key, "=", value, "\n"));
  }
  for (const auto& [name, tensor] : tensors) {
    sha.Update(absl::StrCat(name, " ", DTypeName(tensor.dtype), " ",
                            ShapeString(tensor.shape), " ", tensor.sha256,
                            "\n"));
  }
  return sha.Finish();
}

}  // namespace elmo
