#include "core/tool/import_model.h"

#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/file_io.h"
#include "core/model/float_formats.h"
#include "core/model/json.h"
#include "core/model/package_format.h"
#include "core/model/package_writer.h"
#include "core/model/weight_layout.h"
#include "core/tool/hdf5_weights.h"
#include "core/tool/warm_up.h"

namespace elmo {
namespace {

std::string DefaultName(const std::string& output) {
  std::filesystem::path path(output);
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

absl::Status CheckName(const ImportArguments& arguments,
                       const std::string& name) {
  absl::Status status = ValidateModelName(name);
  if (status.ok() || !arguments.name.empty()) return status;
  return absl::InvalidArgumentError(absl::StrCat(
      "no name can be made of --output; give --name: ", status.message()));
}

// Makes the weights what a server will compute with: a warm state belongs to
// the stored weights, not to those before rounding.
absl::Status RoundToStorage(DType storage, const WeightLayout& layout,
                            float* buffer) {
  if (storage == DType::kF32) return absl::OkStatus();
  for (const WeightTensor& tensor : layout.tensors()) {
    for (size_t i = 0; i < tensor.size(); ++i) {
      float& value = buffer[tensor.offset + i];
      const float exact = value;
      value = storage == DType::kF16 ? HalfToFloat(FloatToHalf(exact))
                                     : BFloat16ToFloat(FloatToBFloat16(exact));
      if (FindNonFinite(&value, 1) == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("dataset ", tensor.published, ": the value ", exact,
                         " cannot be stored as ", DTypeName(storage)));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status AddWarmState(const std::string& text_path,
                          const ModelOptions& options,
                          PackageContents* contents) {
  if (text_path.empty()) return absl::OkStatus();
  ELMO_ASSIGN_OR_RETURN(WarmUpResult result,
                        WarmUp(options, contents->weights, text_path));
  contents->warm_state = std::move(result.state);
  contents->metadata[kWarmUpKey] = std::move(result.description);
  return absl::OkStatus();
}

}  // namespace

absl::Status ImportModel(const ImportArguments& arguments, Notes* notes) {
  const std::string name =
      arguments.name.empty() ? DefaultName(arguments.output) : arguments.name;
  ELMO_RETURN_IF_ERROR(CheckName(arguments, name));
  PackageContents contents;
  contents.name = name;
  contents.storage = arguments.storage;
  ELMO_ASSIGN_OR_RETURN(contents.options_json,
                        ReadSmallFile(arguments.options_path, kMaxJsonBytes));
  const absl::StatusOr<ModelOptions> options =
      ParseModelOptions(contents.options_json);
  if (!options.ok()) {
    return absl::Status(
        options.status().code(),
        absl::StrCat(arguments.options_path, ": ", options.status().message()));
  }
  ELMO_ASSIGN_OR_RETURN(Hdf5Weights weights,
                        ReadHdf5Weights(arguments.weights_path, *options));
  const WeightLayout layout(weights.options);
  ELMO_RETURN_IF_ERROR(
      RoundToStorage(arguments.storage, layout, weights.buffer.data()));
  contents.weights = layout.View(weights.buffer.data());
  for (std::string& note : weights.notes) notes->push_back(std::move(note));
  ELMO_ASSIGN_OR_RETURN(contents.metadata[kSourceWeightsKey],
                        Sha256OfFile(arguments.weights_path));
  ELMO_RETURN_IF_ERROR(
      AddWarmState(arguments.warm_up_path, weights.options, &contents));
  return WritePackage(contents, arguments.output, arguments.replace);
}

}  // namespace elmo
