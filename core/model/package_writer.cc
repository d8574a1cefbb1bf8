#include "core/model/package_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/file_io.h"
#include "core/model/float_formats.h"
#include "core/model/package_format.h"
#include "core/model/sha256.h"
#include "core/model/weight_layout.h"

namespace elmo {
namespace {

namespace fs = std::filesystem;

// Tensors in the form that the file has them, and the memory of those that had
// to be converted.
class EncodedTensors {
 public:
  absl::Status Add(const std::string& name, std::vector<int64_t> shape,
                   ConstMatrix values, DType dtype) {
    std::string_view bytes;
    if (dtype == DType::kF32 && values.stride() == values.cols()) {
      const size_t bad = FindNonFinite(values.data(), values.size());
      if (bad < static_cast<size_t>(values.size())) return NotFinite(name, bad);
      bytes = {reinterpret_cast<const char*>(values.data()),
               values.size() * sizeof(float)};
    } else {
      ELMO_ASSIGN_OR_RETURN(bytes, Convert(name, values, dtype));
    }
    tensors_.push_back({name, dtype, std::move(shape), bytes});
    return absl::OkStatus();
  }

  const std::vector<TensorBytes>& tensors() const { return tensors_; }

  std::map<std::string, TensorDigest> Digests() const {
    std::map<std::string, TensorDigest> digests;
    for (const TensorBytes& tensor : tensors_) {
      digests[tensor.name] = {tensor.dtype, tensor.shape,
                              Sha256Hex(tensor.bytes)};
    }
    return digests;
  }

 private:
  static absl::Status NotFinite(const std::string& name, size_t element) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor ", name, ": element ", element, " is NaN or infinite"));
  }

  absl::StatusOr<std::string_view> Convert(const std::string& name,
                                           ConstMatrix values, DType dtype) {
    std::string bytes;
    bytes.reserve(values.size() * DTypeBytes(dtype));
    for (int64_t r = 0; r < values.rows(); ++r) {
      const float* row = values.row(r);
      for (int64_t c = 0; c < values.cols(); ++c) {
        const uint16_t half = dtype == DType::kF16 ? FloatToHalf(row[c])
                                                   : FloatToBFloat16(row[c]);
        const float stored = dtype == DType::kF32   ? row[c]
                             : dtype == DType::kF16 ? HalfToFloat(half)
                                                    : BFloat16ToFloat(half);
        if (FindNonFinite(&stored, 1) == 0) {
          return TooLarge(name, row[c], dtype);
        }
        if (dtype == DType::kF32) {
          bytes.append(reinterpret_cast<const char*>(&stored), sizeof stored);
        } else {
          bytes.append(reinterpret_cast<const char*>(&half), sizeof half);
        }
      }
    }
    return std::string_view(storage_.emplace_back(std::move(bytes)));
  }

  static absl::Status TooLarge(const std::string& name, float value,
                               DType dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, ": the value ", value,
                     " cannot be stored as ", DTypeName(dtype)));
  }

  std::vector<TensorBytes> tensors_;
  std::deque<std::string> storage_;  // A deque: its strings do not move.
};

absl::Status AddWarmState(const LstmState& state, const LstmOptions& options,
                          EncodedTensors* tensors) {
  const LstmState zero = LstmState::Zero(options);
  if (state.h.size() != zero.h.size() || state.c.size() != zero.c.size()) {
    return absl::InvalidArgumentError(
        "the warm state does not have the size that the options ask for");
  }
  const int64_t layers = options.num_layers;
  ELMO_RETURN_IF_ERROR(tensors->Add(
      kWarmH, {2, layers, options.projection_dim},
      ConstMatrix(state.h.data(), 2 * layers, options.projection_dim),
      DType::kF32));
  return tensors->Add(kWarmC, {2, layers, options.dim},
                      ConstMatrix(state.c.data(), 2 * layers, options.dim),
                      DType::kF32);
}

absl::StatusOr<EncodedTensors> Encode(const PackageContents& contents,
                                      const ModelOptions& options) {
  const WeightLayout layout(options);
  ELMO_ASSIGN_OR_RETURN(const std::vector<ConstMatrix> matrices,
                        layout.List(contents.weights));
  EncodedTensors encoded;
  for (size_t i = 0; i < matrices.size(); ++i) {
    const WeightTensor& tensor = layout.tensors()[i];
    ELMO_RETURN_IF_ERROR(
        encoded.Add(tensor.name, tensor.shape, matrices[i], contents.storage));
  }
  if (contents.warm_state.has_value()) {
    ELMO_RETURN_IF_ERROR(
        AddWarmState(*contents.warm_state, options.lstm, &encoded));
  }
  return encoded;
}

// As the weights have them; options.json does not tell.
void NoteSquareProjections(const ModelWeights& weights, ModelOptions* options) {
  options->char_cnn.square_projection = !weights.char_cnn.projection.empty();
  for (const auto* cells : {&weights.forward, &weights.backward}) {
    for (const LstmCellWeights& cell : *cells) {
      options->lstm.square_projection |= !cell.projection.empty();
    }
  }
}

// Whether `directory` may be put in place: OK, or why not.
absl::Status CheckTarget(const fs::path& directory, bool replace) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(directory, error);
  if (!fs::exists(status)) return absl::OkStatus();
  if (!fs::is_directory(status)) {
    return absl::AlreadyExistsError(
        absl::StrCat(directory.string(), ": exists and is not a folder"));
  }
  for (fs::directory_iterator it(directory, error), end; it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!replace) {
      return absl::AlreadyExistsError(
          absl::StrCat(directory.string(),
                       ": exists and is not empty; --force replaces a "
                       "package"));
    }
    if (name != kOptionsFile && name != kTensorsFile) {
      return absl::AlreadyExistsError(absl::StrCat(
          directory.string(),
          ": is not replaced: it holds more than a model package"));
    }
  }
  if (error) {
    return FileError(directory.string(), "cannot read the folder",
                     error.value());
  }
  return absl::OkStatus();
}

// Puts the complete folder `from` in the place of `to`.
absl::Status PutInPlace(const fs::path& from, const fs::path& to,
                        bool replace) {
  if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  if (!replace || (errno != EEXIST && errno != ENOTEMPTY)) {
    return FileError(to.string(), "cannot be put in place", errno);
  }
  // A package stands there. Exchanged in one step, so that a reader finds the
  // old one or the new one; the old one, now at `from`, is then removed by the
  // caller.
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                  RENAME_EXCHANGE) != 0) {
    return FileError(to.string(), "cannot be replaced here, remove it first",
                     errno);
  }
  return absl::OkStatus();
}

// Removes the folder on every way out.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
};

absl::Status WriteFolder(const std::string& options_json,
                         const Metadata& metadata,
                         const std::vector<TensorBytes>& tensors,
                         const fs::path& target, bool replace) {
  fs::path parent = target.parent_path();
  if (parent.empty()) parent = ".";
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) {
    return FileError(parent.string(), "cannot create", error.value());
  }
  std::string name = absl::StrCat(target.string(), ".tmp-XXXXXX");
  if (::mkdtemp(name.data()) == nullptr) {
    return FileError(name, "cannot create", errno);
  }
  const TemporaryFolder folder{fs::path(name)};
  // mkdtemp() makes folders for the owner alone; a model is no secret.
  fs::permissions(folder.path(), fs::perms(0755), error);
  ELMO_RETURN_IF_ERROR(
      WriteNewFile((folder.path() / kOptionsFile).string(), {options_json}));
  ELMO_RETURN_IF_ERROR(WriteSafetensors((folder.path() / kTensorsFile).string(),
                                        metadata, tensors));
  ELMO_RETURN_IF_ERROR(SyncDirectory(folder.path().string()));
  ELMO_RETURN_IF_ERROR(PutInPlace(folder.path(), target, replace));
  return SyncDirectory(parent.string());
}

}  // namespace

absl::Status WritePackage(const PackageContents& contents,
                          const std::string& directory, bool replace) {
  ELMO_RETURN_IF_ERROR(ValidateModelName(contents.name));
  ELMO_ASSIGN_OR_RETURN(ModelOptions options,
                        ParseModelOptions(contents.options_json));
  NoteSquareProjections(contents.weights, &options);
  ELMO_ASSIGN_OR_RETURN(const EncodedTensors encoded,
                        Encode(contents, options));
  Metadata metadata = contents.metadata;
  metadata[kFormatKey] = std::string(kFormatVersion);
  metadata[kNameKey] = contents.name;
  metadata[kDimsKey] = DimsString(options);
  metadata[kOptionsDigestKey] = Sha256Hex(contents.options_json);
  metadata[kContentDigestKey] = ContentDigest(metadata, encoded.Digests());
  fs::path target(directory);
  // "DIR/" has an empty last part, which cannot be renamed to.
  if (!target.has_filename()) target = target.parent_path();
  ELMO_RETURN_IF_ERROR(CheckTarget(target, replace));
  return WriteFolder(contents.options_json, metadata, encoded.tensors(), target,
                     replace);
}

}  // namespace elmo
