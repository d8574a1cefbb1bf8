#include "client/cli/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

constexpr char kBrokenPipeMark[] = "elmo-client/broken-pipe";
constexpr size_t kBufferBytes = 1 << 20;

// The temporary files there are, where a signal handler may read them: it can
// neither lock nor allocate. More than enough for an output and its index.
struct TemporaryName {
  std::atomic<bool> used{false};
  char path[PATH_MAX] = {};
};
TemporaryName g_temporaries[4];
static_assert(std::atomic<bool>::is_always_lock_free);

void Remember(const std::string& path) {
  for (TemporaryName& name : g_temporaries) {
    if (name.used || path.size() >= sizeof(name.path)) continue;
    std::memcpy(name.path, path.c_str(), path.size() + 1);
    name.used = true;
    return;
  }
}

void Forget(const std::string& path) {
  for (TemporaryName& name : g_temporaries) {
    if (name.used && path == name.path) name.used = false;
  }
}

extern "C" void RemoveTemporariesAndDie(int signal_number) {
  for (TemporaryName& name : g_temporaries) {
    if (name.used) unlink(name.path);
  }
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

// The file that a symbolic link leads to, so that the link survives.
std::string Resolve(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

bool IsReplaceable(const std::string& path) {
  struct stat file = {};
  return stat(path.c_str(), &file) != 0 || S_ISREG(file.st_mode);
}

// What a new file would get; mkstemp() keeps others out. Of an existing file,
// its own.
mode_t ModeFor(const std::string& path) {
  struct stat file = {};
  if (stat(path.c_str(), &file) == 0) return file.st_mode & 07777;
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(
    const std::string& path) {
  std::string place = path == "-" ? "standard output" : Resolve(path);
  std::string temporary;
  std::FILE* file = nullptr;
  if (path == "-") {
    file = fdopen(dup(STDOUT_FILENO), "w");
  } else if (!IsReplaceable(place)) {
    file = std::fopen(place.c_str(), "we");
  } else {
    temporary = absl::StrCat(place, ".XXXXXX");
    const int fd = mkostemp(temporary.data(), O_CLOEXEC);
    if (fd >= 0) {
      Remember(temporary);
      (void)fchmod(fd, ModeFor(place));
      file = fdopen(fd, "w");
    }
  }
  if (file == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  return std::unique_ptr<OutputFile>(
      new OutputFile(std::move(place), std::move(temporary), file));
}

OutputFile::OutputFile(std::string path, std::string temporary, std::FILE* file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(file) {}

OutputFile::~OutputFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  if (!is_replaced_whole()) return;
  unlink(temporary_.c_str());
  Forget(temporary_);
}

absl::Status OutputFile::Error(int error) const {
  absl::Status status = absl::FailedPreconditionError(
      absl::StrCat("cannot write ", path_, ": ", std::strerror(error)));
  if (error == EPIPE) status.SetPayload(kBrokenPipeMark, absl::Cord());
  return status;
}

absl::Status OutputFile::Write(std::string_view data) {
  if (std::fwrite(data.data(), 1, data.size(), file_) != data.size()) {
    return Error(errno);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::WriteAtStart(std::string_view data) {
  if (std::fseek(file_, 0, SEEK_SET) != 0) return Error(errno);
  ELMO_RETURN_IF_ERROR(Write(data));
  if (std::fseek(file_, 0, SEEK_END) != 0) return Error(errno);
  return absl::OkStatus();
}

absl::Status OutputFile::Flush() {
  return std::fflush(file_) == 0 ? absl::OkStatus() : Error(errno);
}

absl::Status OutputFile::Commit() {
  ELMO_RETURN_IF_ERROR(Flush());
  const int close_error =
      std::fclose(std::exchange(file_, nullptr)) == 0 ? 0 : errno;
  if (!is_replaced_whole()) {
    return close_error == 0 ? absl::OkStatus() : Error(close_error);
  }
  absl::Status status = absl::OkStatus();
  if (close_error != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    status = Error(close_error != 0 ? close_error : errno);
    unlink(temporary_.c_str());
  }
  Forget(temporary_);
  return status;
}

bool IsBrokenPipe(const absl::Status& status) {
  return status.GetPayload(kBrokenPipeMark).has_value();
}

void InstallSignalHandlers() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    // One that was ignored (nohup) stays ignored.
    if (std::signal(signal_number, RemoveTemporariesAndDie) == SIG_IGN) {
      std::signal(signal_number, SIG_IGN);
    }
  }
}

}  // namespace elmo::cli
