#include "core/model/model_package.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <new>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/file_io.h"
#include "core/model/float_formats.h"
#include "core/model/json.h"
#include "core/model/safetensors_file.h"
#include "core/model/sha256.h"
#include "core/model/weight_layout.h"

namespace elmo {
namespace {

// Tensors are read in pieces of this size, each hashed and widened while it is
// in the third-level cache; hashing one takes two milliseconds, so that a
// thread for it is worth its start. A multiple of every element size.
constexpr size_t kChunkBytes = 4 << 20;

void OneAfterTheOther(absl::FunctionRef<void()> one,
                      absl::FunctionRef<void()> other) {
  one();
  other();
}

void Widen(DType dtype, const char* bytes, size_t count, float* out) {
  if (dtype == DType::kF32) {
    std::memcpy(out, bytes, count * sizeof(float));
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
    out[i] = dtype == DType::kF16 ? HalfToFloat(bits) : BFloat16ToFloat(bits);
  }
}

// Where a tensor goes, and what it must look like.
struct Slot {
  std::vector<int64_t> shape;
  const WeightTensor* weight = nullptr;  // Null: a part of the warm state.
  float* warm = nullptr;
};

// A part of the weights that is being read for a sink.
struct PartInMemory {
  AlignedBuffer<float> buffer;
  size_t tensors_read = 0;
};

}  // namespace

// Loads one package. The methods stand in the order in which Load() calls them.
class PackageLoader {
 public:
  // `sink` may be null.
  PackageLoader(const std::string& directory, WeightSink* sink,
                CallBoth call_both)
      : sink_(sink),
        call_both_(call_both),
        directory_(directory),
        options_path_(absl::StrCat(directory, "/", kOptionsFile)),
        tensors_path_(absl::StrCat(directory, "/", kTensorsFile)),
        package_(new ModelPackage()) {}

  absl::StatusOr<std::unique_ptr<ModelPackage>> Load();

 private:
  absl::Status ReadOptions();
  absl::Status CheckMetadata(const Metadata& metadata);
  void MakeLayout(const SafetensorsHeader& header);
  void MakeSlots(const SafetensorsHeader& header);
  absl::Status CheckTensors(const SafetensorsHeader& header) const;
  // Only now: a header that passed bounds the memory by the file's size.
  void Allocate(const SafetensorsHeader& header);
  absl::Status ReadTensors(const SafetensorsFile& file);
  // Where the elements of a weight go. Makes room for its part.
  float* DestinationOf(const WeightTensor& tensor);
  // Hands the tensor's part to the sink if it is complete now.
  absl::Status PassOn(const WeightTensor& tensor);
  absl::StatusOr<std::string> ReadTensor(const SafetensorsFile& file,
                                         const TensorInfo& info, float* out);

  absl::Status TensorsError(const std::string& message) const {
    return absl::InvalidArgumentError(
        absl::StrCat(tensors_path_, ": ", message));
  }

  WeightSink* const sink_;  // Not owned; the next likewise.
  const CallBoth call_both_;
  const std::string directory_;
  const std::string options_path_;
  const std::string tensors_path_;
  std::unique_ptr<ModelPackage> package_;
  std::string options_digest_;
  std::optional<WeightLayout> layout_;  // Of the options, once they are read.
  std::map<std::string, Slot> slots_;
  std::map<size_t, PartInMemory> parts_;  // Begun and not complete.
  AlignedBuffer<float> spare_;            // The last complete part's.
  Sha256 file_digest_;
  std::vector<char> chunk_;
};

absl::StatusOr<std::unique_ptr<ModelPackage>> PackageLoader::Load() {
  ELMO_RETURN_IF_ERROR(ReadOptions());
  ELMO_ASSIGN_OR_RETURN(const SafetensorsFile file,
                        SafetensorsFile::Open(tensors_path_));
  ELMO_RETURN_IF_ERROR(CheckMetadata(file.header().metadata));
  MakeLayout(file.header());
  MakeSlots(file.header());
  ELMO_RETURN_IF_ERROR(CheckTensors(file.header()));
  try {
    Allocate(file.header());
    if (sink_ != nullptr) {
      ELMO_RETURN_IF_ERROR(sink_->Begin(package_->options_));
    }
    ELMO_RETURN_IF_ERROR(ReadTensors(file));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(
        tensors_path_, ": no memory for ", layout_->buffer_size(), " floats"));
  }
  return std::move(package_);
}

absl::Status PackageLoader::ReadOptions() {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(directory_, ignored)) {
    return absl::InvalidArgumentError(absl::StrCat(
        directory_, " is a file; a package is the folder that holds ",
        kOptionsFile, " and ", kTensorsFile));
  }
  ELMO_ASSIGN_OR_RETURN(const std::string text,
                        ReadSmallFile(options_path_, kMaxJsonBytes));
  options_digest_ = Sha256Hex(text);
  absl::StatusOr<ModelOptions> options = ParseModelOptions(text);
  if (!options.ok()) {
    return absl::Status(
        options.status().code(),
        absl::StrCat(options_path_, ": ", options.status().message()));
  }
  package_->options_ = *std::move(options);
  return absl::OkStatus();
}

absl::Status PackageLoader::CheckMetadata(const Metadata& metadata) {
  const auto get = [&metadata](const char* key) {
    const auto it = metadata.find(key);
    return it == metadata.end() ? std::string() : it->second;
  };
  if (get(kFormatKey) != kFormatVersion) {
    return TensorsError(absl::StrCat(
        "metadata ", kFormatKey, " is ",
        JsonForMessage(nlohmann::json(get(kFormatKey))), "; must be \"",
        kFormatVersion, "\" (is this a package made by elmo-model?)"));
  }
  const std::string name = get(kNameKey);
  if (absl::Status status = ValidateModelName(name); !status.ok()) {
    return TensorsError(
        absl::StrCat("metadata ", kNameKey, ": ", status.message()));
  }
  const std::string dims = DimsString(package_->options_);
  if (get(kDimsKey) != dims) {
    return TensorsError(
        absl::StrCat("metadata ", kDimsKey, " is ",
                     JsonForMessage(nlohmann::json(get(kDimsKey))), ", but ",
                     kOptionsFile, " says \"", dims, "\""));
  }
  if (get(kOptionsDigestKey) != options_digest_) {
    return absl::DataLossError(
        absl::StrCat(options_path_, ": was changed: its SHA-256 is ",
                     options_digest_, ", the package was made with ",
                     JsonForMessage(nlohmann::json(get(kOptionsDigestKey)))));
  }
  package_->name_ = name;
  package_->metadata_ = metadata;
  return absl::OkStatus();
}

void PackageLoader::MakeLayout(const SafetensorsHeader& header) {
  std::set<std::string> names;
  for (const TensorInfo& info : header.tensors) names.insert(info.name);
  FindSquareProjections(
      [&](const WeightTensor& tensor) { return names.count(tensor.name) != 0; },
      &package_->options_);
  layout_.emplace(package_->options_);
}

void PackageLoader::MakeSlots(const SafetensorsHeader& header) {
  for (const WeightTensor& tensor : layout_->tensors()) {
    slots_[tensor.name] = {tensor.shape, &tensor, nullptr};
  }
  const auto is_warm = [](const TensorInfo& info) {
    return info.name == kWarmH || info.name == kWarmC;
  };
  if (std::none_of(header.tensors.begin(), header.tensors.end(), is_warm)) {
    return;
  }
  const LstmOptions& lstm = package_->options_.lstm;
  LstmState& warm = package_->warm_state_.emplace(LstmState::Zero(lstm));
  slots_[kWarmH] = {
      {2, lstm.num_layers, lstm.projection_dim}, nullptr, warm.h.data()};
  slots_[kWarmC] = {{2, lstm.num_layers, lstm.dim}, nullptr, warm.c.data()};
}

absl::Status PackageLoader::CheckTensors(
    const SafetensorsHeader& header) const {
  std::set<std::string> found;
  for (const TensorInfo& info : header.tensors) {
    const std::string shown = JsonForMessage(nlohmann::json(info.name));
    const auto slot = slots_.find(info.name);
    if (slot == slots_.end()) {
      return TensorsError(
          absl::StrCat("tensor ", shown, " is not one that this model has"));
    }
    if (info.shape != slot->second.shape) {
      return TensorsError(absl::StrCat("tensor ", shown, " has shape ",
                                       ShapeString(info.shape), "; must be ",
                                       ShapeString(slot->second.shape)));
    }
    found.insert(info.name);
  }
  for (const auto& [name, slot] : slots_) {
    if (found.count(name) == 0) {
      return TensorsError(absl::StrCat("tensor \"", name, "\" is missing"));
    }
  }
  return absl::OkStatus();
}

void PackageLoader::Allocate(const SafetensorsHeader& header) {
  uint64_t largest = 0;
  for (const TensorInfo& info : header.tensors) {
    largest = std::max(largest, info.end - info.begin);
  }
  chunk_.resize(std::min<uint64_t>(kChunkBytes, largest));
  if (sink_ != nullptr) return;
  package_->buffer_ = AlignedBuffer<float>(layout_->buffer_size());
  package_->weights_ = layout_->View(package_->buffer_.data());
}

float* PackageLoader::DestinationOf(const WeightTensor& tensor) {
  if (sink_ == nullptr) return package_->buffer_.data() + tensor.offset;
  const WeightPart& part = layout_->parts()[tensor.part];
  const auto [found, begun] = parts_.try_emplace(tensor.part);
  AlignedBuffer<float>& buffer = found->second.buffer;
  if (begun) {
    // The kernel clears new memory, which takes longer than filling it.
    buffer = std::exchange(spare_, {});
    if (buffer.size() < part.size) {
      buffer = AlignedBuffer<float>();
      buffer = AlignedBuffer<float>(part.size);
    }
  }
  return buffer.data() + (tensor.offset - part.offset);
}

absl::Status PackageLoader::PassOn(const WeightTensor& tensor) {
  if (sink_ == nullptr) return absl::OkStatus();
  const auto part = parts_.find(tensor.part);
  if (++part->second.tensors_read < layout_->parts()[tensor.part].num_tensors) {
    return absl::OkStatus();
  }
  ELMO_RETURN_IF_ERROR(
      layout_->ShowPart(tensor.part, part->second.buffer.data(), sink_));
  spare_ = std::move(part->second.buffer);
  parts_.erase(part);
  return absl::OkStatus();
}

absl::Status PackageLoader::ReadTensors(const SafetensorsFile& file) {
  std::map<std::string, TensorDigest> digests;
  std::set<std::string> storage;
  file_digest_.Update(file.preamble());
  package_->file_bytes_ = file.preamble().size();
  for (const TensorInfo& info : file.header().tensors) {
    const Slot& slot = slots_.at(info.name);
    float* const destination =
        slot.weight != nullptr ? DestinationOf(*slot.weight) : slot.warm;
    ELMO_ASSIGN_OR_RETURN(std::string digest,
                          ReadTensor(file, info, destination));
    digests[info.name] = {info.dtype, info.shape, std::move(digest)};
    if (slot.weight != nullptr) {
      storage.insert(DTypeName(info.dtype));
      ELMO_RETURN_IF_ERROR(PassOn(*slot.weight));
    }
    package_->file_bytes_ += info.end - info.begin;
  }
  const std::string digest = ContentDigest(file.header().metadata, digests);
  const auto expected = file.header().metadata.find(kContentDigestKey);
  if (expected == file.header().metadata.end() || expected->second != digest) {
    return absl::DataLossError(absl::StrCat(
        tensors_path_, ": is damaged: the SHA-256 of its content is not the ",
        "one in its metadata (", kContentDigestKey, ")"));
  }
  package_->storage_ = absl::StrJoin(storage, ", ");
  package_->checksum_ = file_digest_.Finish();
  return absl::OkStatus();
}

absl::StatusOr<std::string> PackageLoader::ReadTensor(
    const SafetensorsFile& file, const TensorInfo& info, float* out) {
  Sha256 digest;
  const float* const first = out;
  for (uint64_t offset = info.begin; offset < info.end;) {
    const size_t n = std::min<uint64_t>(chunk_.size(), info.end - offset);
    ELMO_RETURN_IF_ERROR(file.ReadData(offset, chunk_.data(), n));
    // Nothing else takes as long. It takes two digests: one tells whether the
    // file is as it was written, the other which file it is.
    call_both_([&] { file_digest_.Update(chunk_.data(), n); },
               [&] { digest.Update(chunk_.data(), n); });
    const size_t count = n / DTypeBytes(info.dtype);
    Widen(info.dtype, chunk_.data(), count, out);
    if (const size_t bad = FindNonFinite(out, count); bad < count) {
      return TensorsError(absl::StrCat("tensor \"", info.name,
                                       "\" has a NaN or infinity (", out[bad],
                                       ") at element ", out - first + bad));
    }
    out += count;
    offset += n;
  }
  return digest.Finish();
}

absl::StatusOr<std::unique_ptr<ModelPackage>> ModelPackage::Load(
    const std::string& directory) {
  return PackageLoader(directory, /*sink=*/nullptr, OneAfterTheOther).Load();
}

absl::StatusOr<std::unique_ptr<ModelPackage>> ModelPackage::LoadInto(
    const std::string& directory, WeightSink* sink, CallBoth call_both) {
  return PackageLoader(directory, sink, call_both).Load();
}

}  // namespace elmo
