#include "server/security/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Cannot(const std::string& path, int error) {
  const std::string message =
      absl::StrCat("cannot read ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES) return absl::PermissionDeniedError(message);
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  // Not blocking: the path may be a pipe that nobody writes to.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Cannot(path, errno);
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return Cannot(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no plain file"));
  }
  std::string content;
  char buffer[8192];
  for (;;) {
    const ssize_t size = read(file.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Cannot(path, errno);
    if (size == 0) return content;
    content.append(buffer, static_cast<size_t>(size));
    if (content.size() > kMaxBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has more than ", kMaxBytes, " bytes"));
    }
  }
}

absl::StatusOr<std::vector<std::string>> ReadOnce(
    const std::vector<std::string>& paths) {
  std::vector<std::string> contents(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].empty()) continue;
    ELMO_ASSIGN_OR_RETURN(contents[i], ReadSmallFile(paths[i]));
  }
  return contents;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadTogether(
    const std::vector<std::string>& paths) {
  ELMO_ASSIGN_OR_RETURN(std::vector<std::string> contents, ReadOnce(paths));
  // A replacement is two or three renames; nobody replaces forever.
  for (int attempt = 0; attempt < 5; ++attempt) {
    ELMO_ASSIGN_OR_RETURN(std::vector<std::string> again, ReadOnce(paths));
    if (again == contents) break;
    contents = std::move(again);
  }
  return contents;
}

bool IsReadableByAll(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

}  // namespace elmo
