#include "core/tool/guarded_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

namespace elmo {
namespace {

// Sanitizers reserve terabytes of addresses, so that cannot be limited.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kLimitAddressSpace = false;
#else
constexpr bool kLimitAddressSpace = true;
#endif

// The report of the other process: the status code, a line end, the message, a
// line end, then the notes, one a line.
constexpr size_t kMaxReportBytes = 64 * 1024;

std::string EncodeReport(const absl::Status& status, const Notes& notes) {
  std::string message(status.message());
  std::replace(message.begin(), message.end(), '\n', ' ');
  return absl::StrCat(static_cast<int>(status.code()), "\n", message, "\n",
                      absl::StrJoin(notes, "\n"));
}

absl::Status DecodeReport(const std::string& report, Notes* notes) {
  std::vector<std::string> lines = absl::StrSplit(report, '\n');
  int code = 0;
  if (lines.size() < 2 || !absl::SimpleAtoi(lines[0], &code)) {
    return absl::InternalError("the reading process left no report");
  }
  for (size_t i = 2; i < lines.size(); ++i) {
    if (!lines[i].empty()) notes->push_back(lines[i]);
  }
  return absl::Status(static_cast<absl::StatusCode>(code), lines[1]);
}

void SetLimit(int resource, rlim_t value, rlim_t grace = 0) {
  const rlimit limit = {value, value + grace};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

uint64_t AddressSpaceBytes() {
  unsigned long long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%llu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void Confine(const ProcessLimits& limits) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  SetLimit(RLIMIT_CORE, 0);
  SetLimit(RLIMIT_FSIZE, 0);
  // At the first limit comes SIGXCPU, which tells why; at the second SIGKILL.
  SetLimit(RLIMIT_CPU, static_cast<rlim_t>(limits.cpu_seconds), /*grace=*/1);
  if (kLimitAddressSpace) {
    SetLimit(RLIMIT_AS, AddressSpaceBytes() + limits.memory_bytes);
  }
  // A heap that was damaged is reported there; it would only puzzle the user.
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) ::dup2(null, STDERR_FILENO);
}

absl::Status RunCatching(const std::function<absl::Status(Notes*)>& work,
                         Notes* notes) {
  try {
    return work(notes);
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(error.what());
  }
}

[[noreturn]] void RunChild(const ProcessLimits& limits,
                           const std::function<absl::Status(Notes*)>& work,
                           int report_fd) {
  Confine(limits);
  Notes notes;
  const absl::Status status = RunCatching(work, &notes);
  const std::string report = EncodeReport(status, notes);
  size_t sent = 0;
  while (sent < report.size()) {
    const ssize_t n =
        ::write(report_fd, report.data() + sent, report.size() - sent);
    if (n < 0) _exit(1);
    sent += static_cast<size_t>(n);
  }
  _exit(0);
}

std::string ReadReport(int fd) {
  std::string report;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return report;
    if (report.size() < kMaxReportBytes) {
      report.append(buffer, static_cast<size_t>(n));
    }
  }
}

absl::Status DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGXCPU) {
    return absl::InvalidArgumentError("took too much processor time");
  }
  if (WIFSIGNALED(wait_status)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the library that reads it crashed (",
                     ::strsignal(WTERMSIG(wait_status)), ")"));
  }
  return absl::InvalidArgumentError("the library that reads it gave up");
}

}  // namespace

absl::StatusOr<SharedFloats> SharedFloats::Create(size_t size) {
  const size_t bytes = std::max<size_t>(size, 1) * sizeof(float);
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for ", bytes, " bytes"));
  }
  return SharedFloats(static_cast<float*>(data), bytes);
}

SharedFloats::SharedFloats(SharedFloats&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

SharedFloats& SharedFloats::operator=(SharedFloats&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

SharedFloats::~SharedFloats() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

absl::Status RunGuarded(const ProcessLimits& limits,
                        const std::function<absl::Status(Notes*)>& work,
                        Notes* notes) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return absl::ResourceExhaustedError("cannot make a pipe");
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    ::close(fds[0]);
    ::close(fds[1]);
    return absl::ResourceExhaustedError("cannot start a process");
  }
  if (pid == 0) {
    ::close(fds[0]);
    RunChild(limits, work, fds[1]);
  }
  ::close(fds[1]);
  const std::string report = ReadReport(fds[0]);
  ::close(fds[0]);
  int wait_status = 0;
  while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
    return DecodeReport(report, notes);
  }
  return DescribeEnd(wait_status);
}

}  // namespace elmo
