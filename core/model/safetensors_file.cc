#include "core/model/safetensors_file.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/json.h"

// Tensors are copied from and to files as they lie in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

namespace elmo {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kDataAlignment = 64;
constexpr size_t kMaxDims = 8;

constexpr DType kDTypes[] = {DType::kF32, DType::kF16, DType::kBF16};

absl::Status TensorError(const std::string& name, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(
      "header, tensor ", JsonForMessage(json(name)), ": ", message));
}

absl::StatusOr<Metadata> ParseMetadata(const json& value) {
  if (!value.is_object()) {
    return absl::InvalidArgumentError("header: __metadata__ is not an object");
  }
  Metadata metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("header: __metadata__ ", JsonForMessage(json(key)),
                       " is ", JsonForMessage(text), "; must be a string"));
    }
    metadata[key] = text.get_ref<const std::string&>();
  }
  return metadata;
}

absl::StatusOr<DType> ParseDType(const std::string& name, const json& value) {
  for (DType dtype : kDTypes) {
    if (value == DTypeName(dtype)) return dtype;
  }
  return TensorError(name, absl::StrCat("dtype is ", JsonForMessage(value),
                                        "; must be F32, F16 or BF16"));
}

// The shape, and in `*bytes` the size that it makes with the dtype.
absl::StatusOr<std::vector<int64_t>> ParseShape(const std::string& name,
                                                const json& value, DType dtype,
                                                uint64_t* bytes) {
  if (!value.is_array() || value.size() > kMaxDims) {
    return TensorError(
        name, absl::StrCat("shape is ", JsonForMessage(value),
                           "; must be a list of at most ", kMaxDims, " sizes"));
  }
  std::vector<int64_t> shape;
  int64_t product = static_cast<int64_t>(DTypeBytes(dtype));
  for (const json& dim : value) {
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > INT64_MAX ||
        __builtin_mul_overflow(product, dim.get<int64_t>(), &product)) {
      return TensorError(name, absl::StrCat("shape ", JsonForMessage(value),
                                            " is not possible"));
    }
    shape.push_back(dim.get<int64_t>());
  }
  *bytes = static_cast<uint64_t>(product);
  return shape;
}

absl::StatusOr<TensorInfo> ParseTensor(const std::string& name,
                                       const json& value, uint64_t data_bytes) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    return TensorError(
        name, "must have exactly the fields dtype, shape and data_offsets");
  }
  TensorInfo info;
  info.name = name;
  ELMO_ASSIGN_OR_RETURN(info.dtype, ParseDType(name, value["dtype"]));
  uint64_t bytes = 0;
  ELMO_ASSIGN_OR_RETURN(info.shape,
                        ParseShape(name, value["shape"], info.dtype, &bytes));
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 ||
      !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    return TensorError(name,
                       absl::StrCat("data_offsets is ", JsonForMessage(offsets),
                                    "; must be [begin, end]"));
  }
  info.begin = offsets[0].get<uint64_t>();
  info.end = offsets[1].get<uint64_t>();
  if (info.begin > info.end || info.end > data_bytes) {
    return TensorError(
        name, absl::StrCat("data_offsets are ", JsonForMessage(offsets),
                           "; the file has ", data_bytes, " bytes of data"));
  }
  if (info.end - info.begin != bytes) {
    return TensorError(name,
                       absl::StrCat("has ", info.end - info.begin,
                                    " bytes; dtype and shape need ", bytes));
  }
  return info;
}

absl::Status CheckCoverage(const std::vector<TensorInfo>& tensors,
                           uint64_t data_bytes) {
  uint64_t position = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != position) {
      return TensorError(
          tensor.name,
          absl::StrCat("starts at byte ", tensor.begin,
                       " of the data; the tensor before it ends at ",
                       position));
    }
    position = tensor.end;
  }
  if (position != data_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tensors end at byte ", position,
                     " of the data, which has ", data_bytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status InFile(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

std::string LittleEndianLength(uint64_t length) {
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes;
}

}  // namespace

const char* DTypeName(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kF32:
      break;
  }
  return "F32";
}

size_t DTypeBytes(DType dtype) { return dtype == DType::kF32 ? 4 : 2; }

std::string ShapeString(const std::vector<int64_t>& shape) {
  return absl::StrJoin(shape, "x");
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text,
                                                         uint64_t data_bytes) {
  if (text.empty() || text[0] != '{') {
    return absl::InvalidArgumentError("the header does not start with '{'");
  }
  absl::StatusOr<json> root = ParseJsonObject(text);
  if (!root.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("header: ", root.status().message()));
  }
  SafetensorsHeader header;
  for (const auto& [name, value] : root->items()) {
    if (name == "__metadata__") {
      ELMO_ASSIGN_OR_RETURN(header.metadata, ParseMetadata(value));
    } else {
      ELMO_ASSIGN_OR_RETURN(TensorInfo info,
                            ParseTensor(name, value, data_bytes));
      header.tensors.push_back(std::move(info));
    }
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const TensorInfo& a, const TensorInfo& b) {
                     return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
                   });
  ELMO_RETURN_IF_ERROR(CheckCoverage(header.tensors, data_bytes));
  return header;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  ELMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  uint64_t length = 0;
  if (file.size() < kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has ", file.size(),
                     " bytes; a safetensors file has at least 8"));
  }
  ELMO_RETURN_IF_ERROR(file.Read(0, &length, sizeof length));
  if (length > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the header's length is ", length, "; limit is ",
                     kMaxJsonBytes, " (is this a safetensors file?)"));
  }
  if (length > file.size() - kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": the header's length is ", length, ", but the file has ",
        file.size() - kLengthBytes, " bytes more"));
  }
  std::string preamble(kLengthBytes + length, '\0');
  ELMO_RETURN_IF_ERROR(file.Read(0, preamble.data(), preamble.size()));
  absl::StatusOr<SafetensorsHeader> header =
      ParseSafetensorsHeader(std::string_view(preamble).substr(kLengthBytes),
                             file.size() - preamble.size());
  if (!header.ok()) return InFile(path, header.status());
  return SafetensorsFile(std::move(file), std::move(preamble),
                         *std::move(header));
}

absl::Status WriteSafetensors(const std::string& path, const Metadata& metadata,
                              const std::vector<TensorBytes>& tensors) {
  // An ordered object keeps the tensors' order for those who read the header.
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  root["__metadata__"] = metadata;
  uint64_t position = 0;
  std::vector<std::string_view> pieces(2);
  for (const TensorBytes& tensor : tensors) {
    root[tensor.name] = {
        {"dtype", DTypeName(tensor.dtype)},
        {"shape", tensor.shape},
        {"data_offsets", {position, position + tensor.bytes.size()}}};
    position += tensor.bytes.size();
    pieces.push_back(tensor.bytes);
  }
  std::string header = root.dump(-1, ' ', /*ensure_ascii=*/false,
                                 json::error_handler_t::replace);
  const size_t used = kLengthBytes + header.size();
  const size_t padded =
      (used + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  header.append(padded - used, ' ');
  if (header.size() > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the header would have ", header.size(),
                     " bytes; limit is ", kMaxJsonBytes));
  }
  const std::string length = LittleEndianLength(header.size());
  pieces[0] = length;
  pieces[1] = header;
  return WriteNewFile(path, pieces);
}

}  // namespace elmo
