#ifndef ELMO_CORE_MODEL_PACKAGE_FORMAT_H_
#define ELMO_CORE_MODEL_PACKAGE_FORMAT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/model/model_options.h"
#include "core/model/safetensors_file.h"

namespace elmo {

// What reading and writing a package must agree on; docs/model-package.md says
// it for people.

inline constexpr char kOptionsFile[] = "options.json";
inline constexpr char kTensorsFile[] = "model.safetensors";

// Keys of the metadata in the header of model.safetensors.
inline constexpr char kFormatKey[] = "elmo_format";  // "1"
inline constexpr char kNameKey[] = "name";
inline constexpr char kDimsKey[] = "dims";                     // DimsString()
inline constexpr char kOptionsDigestKey[] = "options_sha256";  // of the bytes
inline constexpr char kContentDigestKey[] = "sha256";  // ContentDigest()
// Only for people: where the model came from.
inline constexpr char kSourceWeightsKey[] = "source_weights_sha256";
inline constexpr char kWarmUpKey[] = "warm_up";

inline constexpr char kFormatVersion[] = "1";

// The warm start state, in the layout of LstmState: [2, L, P] and [2, L, H].
inline constexpr char kWarmH[] = "warm.h";
inline constexpr char kWarmC[] = "warm.c";

// The dimensions in words, so that a header can be understood (and checked)
// without options.json: "lstm.dim=64 lstm.projection_dim=16 ...".
std::string DimsString(const ModelOptions& options);

// INVALID_ARGUMENT unless 1 to 64 letters, digits, '.', '_', '-', the first a
// letter or digit: a name must be fit for a flag, a URL and a metric label.
absl::Status ValidateModelName(std::string_view name);

// A tensor as ContentDigest() sees it.
struct TensorDigest {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::string sha256;  // Of the tensor's bytes in the file.
};

// SHA-256 of the lines "key=value" of the metadata (without the digest itself)
// and then "name dtype shape sha256" of the tensors, both sorted by the first
// word. It covers all that a header means, not how it is spelled.
std::string ContentDigest(const Metadata& metadata,
                          const std::map<std::string, TensorDigest>& tensors);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_PACKAGE_FORMAT_H_
