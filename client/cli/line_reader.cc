#include "client/cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kMaxLineBytes = 64 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status CannotRead(const std::string& name, int error) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot read ", name, ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<int64_t> LineReader::SizeOf(const std::string& path) {
  struct stat file = {};
  const bool standard = path == "-";
  if ((standard ? fstat(STDIN_FILENO, &file) : stat(path.c_str(), &file)) !=
          0 ||
      (!standard && access(path.c_str(), R_OK) != 0)) {
    return CannotRead(path, errno);
  }
  if (S_ISDIR(file.st_mode)) return CannotRead(path, EISDIR);
  return S_ISREG(file.st_mode) ? file.st_size : 0;
}

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(
    const std::string& path) {
  const bool standard = path == "-";
  const int fd =
      standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotRead(path, errno);
  return std::unique_ptr<LineReader>(
      new LineReader(fd, standard ? "standard input" : path));
}

LineReader::LineReader(int fd, std::string name)
    : fd_(fd), name_(std::move(name)) {}

LineReader::~LineReader() {
  if (fd_ != STDIN_FILENO) close(fd_);
}

absl::StatusOr<bool> LineReader::Next(std::string* line) {
  size_t searched = begin_;
  size_t end;
  while ((end = buffer_.find('\n', searched)) == std::string::npos &&
         !at_end_) {
    if (buffer_.size() - begin_ > kMaxLineBytes) {
      return absl::FailedPreconditionError(
          absl::StrCat(name_, ":", line_number_ + 1, ": line is longer than ",
                       kMaxLineBytes >> 20, " MiB"));
    }
    searched = buffer_.size() - begin_;  // Fill() moves begin_ to 0.
    ELMO_RETURN_IF_ERROR(Fill());
  }
  const bool ended = end != std::string::npos;
  if (!ended) end = buffer_.size();
  if (!ended && end == begin_) return false;
  std::string_view text(buffer_.data() + begin_, end - begin_);
  bytes_read_ += static_cast<int64_t>(text.size() + (ended ? 1 : 0));
  begin_ = end + (ended ? 1 : 0);
  if (ended && !text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (line_number_++ == 0 &&
      text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  line->assign(text);
  return true;
}

absl::Status LineReader::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  ssize_t got;
  do {
    got = read(fd_, buffer_.data() + size, kReadBytes);
  } while (got < 0 && errno == EINTR);
  const int error = errno;
  buffer_.resize(size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  at_end_ = got <= 0;
  if (got >= 0) return absl::OkStatus();
  return CannotRead(name_, error);
}

bool LineReader::MustWait() const {
  if (at_end_ || buffer_.find('\n', begin_) != std::string::npos) return false;
  pollfd ready = {fd_, POLLIN, 0};
  return poll(&ready, 1, /*timeout=*/0) == 0;
}

}  // namespace elmo::cli
