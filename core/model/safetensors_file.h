#ifndef ELMO_CORE_MODEL_SAFETENSORS_FILE_H_
#define ELMO_CORE_MODEL_SAFETENSORS_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/file_io.h"

namespace elmo {

// The safetensors container: 8 bytes with the length of the header (little
// endian), the header (JSON), then the bytes of all tensors, little endian.
// https://huggingface.co/docs/safetensors

enum class DType { kF32, kF16, kBF16 };

// "F32", "F16", "BF16": as headers say it.
const char* DTypeName(DType dtype);
size_t DTypeBytes(DType dtype);

using Metadata = std::map<std::string, std::string>;

// "261x4"; "" for a scalar.
std::string ShapeString(const std::vector<int64_t>& shape);

// What a header says of one tensor.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // Bytes [begin, end) of the data section.
  uint64_t end = 0;

  uint64_t num_elements() const { return (end - begin) / DTypeBytes(dtype); }
};

struct SafetensorsHeader {
  Metadata metadata;
  // In the order of their bytes; without gaps or overlaps, from the first byte
  // of the data section to the last.
  std::vector<TensorInfo> tensors;
};

// Checks all of a header against the size of the data section that follows it.
// INVALID_ARGUMENT names the tensor: an unknown dtype or field, a shape that
// does not match the size, gaps, overlaps, bytes that belong to no tensor.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json,
                                                         uint64_t data_bytes);

// A file whose header has been read and checked; tensors are read on demand.
class SafetensorsFile {
 public:
  // Errors name the file.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  const SafetensorsHeader& header() const { return header_; }
  // The bytes of the file before the data section.
  const std::string& preamble() const { return preamble_; }
  // Bytes [offset, offset + size) of the data section.
  absl::Status ReadData(uint64_t offset, void* destination, size_t size) const {
    return file_.Read(preamble_.size() + offset, destination, size);
  }

 private:
  SafetensorsFile(InputFile file, std::string preamble,
                  SafetensorsHeader header)
      : file_(std::move(file)),
        preamble_(std::move(preamble)),
        header_(std::move(header)) {}

  InputFile file_;
  std::string preamble_;
  SafetensorsHeader header_;
};

// A tensor to be written; `bytes` are not owned and fit dtype and shape.
struct TensorBytes {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::string_view bytes;
};

// Makes a new file with the tensors in the given order. The header is padded so
// that the data section starts at a multiple of 64 bytes.
absl::Status WriteSafetensors(const std::string& path, const Metadata& metadata,
                              const std::vector<TensorBytes>& tensors);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_SAFETENSORS_FILE_H_
