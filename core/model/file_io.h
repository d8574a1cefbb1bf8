#ifndef ELMO_CORE_MODEL_FILE_IO_H_
#define ELMO_CORE_MODEL_FILE_IO_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace elmo {

// A regular file opened for reading. Reads copy (pread), they do not map: a
// mapped file that someone truncates ends the process with SIGBUS, a short read
// is an error like any other. Movable. Const calls may overlap.
class InputFile {
 public:
  // NOT_FOUND where there is no file; INVALID_ARGUMENT for anything but a
  // regular file. Never blocks, as opening a FIFO would.
  static absl::StatusOr<InputFile> Open(const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  const std::string& path() const { return path_; }
  // When the file was opened.
  uint64_t size() const { return size_; }
  // Exactly `size` bytes from `offset`; DATA_LOSS if they are not there (any
  // more). Messages name the file.
  absl::Status Read(uint64_t offset, void* destination, size_t size) const;

 private:
  InputFile(std::string path, int fd, uint64_t size);

  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

// All of a file that may have at most `max_bytes`.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          uint64_t max_bytes);

// SHA-256 of a file's bytes, hexadecimal.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

// Makes a file that did not exist from `pieces` and waits until it is on the
// disk. On an error a part of the file may be left.
absl::Status WriteNewFile(const std::string& path,
                          const std::vector<std::string_view>& pieces);

// Waits until the names in a folder are on the disk.
absl::Status SyncDirectory(const std::string& path);

// "PATH: WHAT: the system's words for `error`" with the matching code.
absl::Status FileError(const std::string& path, std::string_view what,
                       int error);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_FILE_IO_H_
