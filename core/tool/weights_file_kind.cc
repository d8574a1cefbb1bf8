#include "core/tool/weights_file_kind.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/file_io.h"

namespace elmo {
namespace {

constexpr absl::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";

struct Kind {
  absl::string_view start;
  absl::string_view what;
};

constexpr absl::string_view kPyTorch =
    "is a PyTorch or pickle file, such as ELMoForManyLangs has; those models "
    "have another architecture and are not supported";
constexpr absl::string_view kPage =
    "is a web page, not weights; did a download fail?";

constexpr Kind kKinds[] = {
    {"PK\x03\x04", kPyTorch},
    {"\x80\x02", kPyTorch},
    {"\x80\x03", kPyTorch},
    {"\x80\x04", kPyTorch},
    {"\x1f\x8b", "is compressed with gzip; decompress it first"},
    {"version https://git-lfs", "is a Git LFS pointer, not the file itself"},
    {"model_checkpoint_path",
     "belongs to a TensorFlow checkpoint; bilm-tf's dump_weights makes an HDF5 "
     "file of it"},
    {"<!DOCTYPE", kPage},
    {"<!doctype", kPage},
    {"<html", kPage},
    {"<?xml", kPage},
};

bool LooksLikeCheckpoint(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return absl::StrContains(name, ".data-0000") ||
         absl::EndsWith(name, ".index") || absl::EndsWith(name, ".meta") ||
         absl::EndsWith(name, ".ckpt");
}

// The signature stands at byte 0, or at 512, 1024, 2048 ... after bytes that
// belong to the user.
absl::StatusOr<bool> HasSignature(const InputFile& file) {
  constexpr uint64_t kLastPlace = 1 << 20;
  char bytes[8];
  for (uint64_t at = 0; at <= kLastPlace && at + sizeof bytes <= file.size();
       at = at == 0 ? 512 : at * 2) {
    ELMO_RETURN_IF_ERROR(file.Read(at, bytes, sizeof bytes));
    if (absl::string_view(bytes, sizeof bytes) == kHdf5Signature) return true;
  }
  return false;
}

}  // namespace

absl::Status CheckIsHdf5(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        ": is a folder; --weights takes an HDF5 file (a TensorFlow "
        "checkpoint or SavedModel cannot be imported)"));
  }
  ELMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  ELMO_ASSIGN_OR_RETURN(const bool has_signature, HasSignature(file));
  if (has_signature) return absl::OkStatus();
  char start[32] = {};
  ELMO_RETURN_IF_ERROR(
      file.Read(0, start, std::min<uint64_t>(file.size(), sizeof start)));
  for (const Kind& kind : kKinds) {
    if (absl::StartsWith(absl::string_view(start, sizeof start), kind.start)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", kind.what));
    }
  }
  if (LooksLikeCheckpoint(path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": belongs to a TensorFlow checkpoint; bilm-tf's "
                     "dump_weights makes an HDF5 file of it"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is not an HDF5 file"));
}

}  // namespace elmo
