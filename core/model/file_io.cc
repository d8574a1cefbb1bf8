#include "core/model/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/sha256.h"

namespace elmo {
namespace {

// One system call moves at most this much: large enough to not matter, small
// enough for every kernel.
constexpr size_t kMaxTransfer = 1 << 26;

absl::string_view View(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, const std::string& path, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n =
        ::write(fd, data.data(), std::min(data.size(), kMaxTransfer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(path, "cannot write", errno);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FileError(const std::string& path, std::string_view what,
                       int error) {
  const std::string message = absl::StrCat(
      path, ": ", View(what), ": ", std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EEXIST:
    case ENOTEMPTY:
      return absl::AlreadyExistsError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnknownError(message);
  }
}

InputFile::InputFile(std::string path, int fd, uint64_t size)
    : path_(std::move(path)), fd_(fd), size_(size) {}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return FileError(path, "cannot open", errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) {
    return FileError(path, "cannot read its size", errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  return InputFile(path, fd.release(), static_cast<uint64_t>(info.st_size));
}

absl::Status InputFile::Read(uint64_t offset, void* destination,
                             size_t size) const {
  char* out = static_cast<char*>(destination);
  while (size > 0) {
    const ssize_t n = ::pread(fd_, out, std::min(size, kMaxTransfer),
                              static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(path_, "cannot read", errno);
    if (n == 0) {
      return absl::DataLossError(absl::StrCat(path_, ": ends at byte ", offset,
                                              ", ", size, " bytes too early"));
    }
    out += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          uint64_t max_bytes) {
  ELMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  if (file.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": has ", file.size(), " bytes; limit is ", max_bytes));
  }
  std::string text(file.size(), '\0');
  ELMO_RETURN_IF_ERROR(file.Read(0, text.data(), text.size()));
  return text;
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  ELMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  std::vector<char> buffer(1 << 20);
  Sha256 sha;
  for (uint64_t offset = 0; offset < file.size(); offset += buffer.size()) {
    const size_t n = std::min<uint64_t>(buffer.size(), file.size() - offset);
    ELMO_RETURN_IF_ERROR(file.Read(offset, buffer.data(), n));
    sha.Update(buffer.data(), n);
  }
  return sha.Finish();
}

absl::Status WriteNewFile(const std::string& path,
                          const std::vector<std::string_view>& pieces) {
  Descriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (fd.get() < 0) return FileError(path, "cannot create", errno);
  for (std::string_view piece : pieces) {
    ELMO_RETURN_IF_ERROR(WriteAll(fd.get(), path, piece));
  }
  if (::fsync(fd.get()) != 0) return FileError(path, "cannot write", errno);
  if (::close(fd.release()) != 0) return FileError(path, "cannot write", errno);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return FileError(path, "cannot open", errno);
  // Some file systems cannot sync a folder; then there is nothing to wait for.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) {
    return FileError(path, "cannot sync", errno);
  }
  return absl::OkStatus();
}

}  // namespace elmo
