#include "core/tool/guarded_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::StatusIs;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

absl::Status Guard(const std::function<absl::Status(Notes*)>& work,
                   ProcessLimits limits = {}) {
  Notes notes;
  return RunGuarded(limits, work, &notes);
}

TEST(GuardedProcessTest, GivesBackSharedMemoryAndNotes) {
  absl::StatusOr<SharedFloats> shared = SharedFloats::Create(1000);
  ASSERT_THAT(shared, IsOk());
  EXPECT_EQ(shared->data()[999], 0);
  int not_shared = 1;
  Notes notes;
  EXPECT_THAT(RunGuarded(
                  {},
                  [&](Notes* lines) {
                    shared->data()[999] = 2.5f;
                    not_shared = 2;
                    *lines = {"one", "two"};
                    return absl::OkStatus();
                  },
                  &notes),
              IsOk());
  EXPECT_EQ(shared->data()[999], 2.5f);
  EXPECT_EQ(not_shared, 1);
  EXPECT_THAT(notes, ElementsAre("one", "two"));
}

TEST(GuardedProcessTest, GivesBackTheError) {
  EXPECT_THAT(
      Guard([](Notes*) { return absl::DataLossError("first\nsecond"); }),
      StatusIs(absl::StatusCode::kDataLoss, "first second"));
}

TEST(GuardedProcessTest, ACrashIsAnError) {
  EXPECT_THAT(Guard([](Notes*) {
                ::raise(SIGKILL);
                return absl::OkStatus();
              }),
              StatusIs(kInvalid, HasSubstr("crashed (Killed)")));
  EXPECT_THAT(
      Guard([](Notes*) -> absl::Status { std::abort(); }),
      StatusIs(kInvalid, AnyOf(HasSubstr("crashed"), HasSubstr("gave up"))));
}

TEST(GuardedProcessTest, AnEarlyExitIsAnError) {
  EXPECT_THAT(Guard([](Notes*) -> absl::Status { ::_exit(3); }),
              StatusIs(kInvalid, HasSubstr("gave up")));
  EXPECT_THAT(Guard([](Notes*) -> absl::Status { ::_exit(0); }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("no report")));
}

TEST(GuardedProcessTest, AnEndlessLoopIsAnError) {
  ProcessLimits limits;
  limits.cpu_seconds = 1;
  const auto loop = [](Notes*) -> absl::Status {
    std::atomic<int> n{0};
    for (;;) ++n;
  };
  EXPECT_THAT(Guard(loop, limits),
              StatusIs(kInvalid, HasSubstr("processor time")));
}

TEST(GuardedProcessTest, MemoryBeyondTheLimitIsRefused) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers reserve more addresses than any limit";
#endif
  ProcessLimits limits;
  limits.memory_bytes = 64 << 20;
  const auto map = [](Notes*) {
    void* data = ::mmap(nullptr, 128 << 20, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? absl::OkStatus()
                              : absl::InternalError("128 MiB were granted");
  };
  EXPECT_THAT(Guard(map, limits), IsOk());
}

TEST(GuardedProcessTest, AnExceptionIsAnError) {
  EXPECT_THAT(
      Guard([](Notes*) -> absl::Status { throw std::runtime_error("thrown"); }),
      StatusIs(absl::StatusCode::kResourceExhausted, "thrown"));
}

TEST(GuardedProcessTest, FilesCannotBeWritten) {
  const elmo::testing::TemporaryDirectory directory;
  EXPECT_THAT(Guard([&](Notes*) {
                const int fd =
                    ::open((directory / "x").c_str(), O_WRONLY | O_CREAT, 0600);
                ::signal(SIGXFSZ, SIG_IGN);
                return ::write(fd, "x", 1) < 0 ? absl::OkStatus()
                                               : absl::InternalError("written");
              }),
              IsOk());
}

TEST(GuardedProcessTest, ALongReportIsCutNotBlocked) {
  Notes notes;
  EXPECT_THAT(RunGuarded(
                  {},
                  [](Notes* lines) {
                    lines->assign(100000, "a note");
                    return absl::OkStatus();
                  },
                  &notes),
              IsOk());
  EXPECT_GT(notes.size(), 1000u);
  EXPECT_LT(notes.size(), 100000u);
  EXPECT_THAT(Guard([](Notes*) { return absl::OkStatus(); }), IsOk());
}

TEST(GuardedProcessTest, NoNotesMeanNone) {
  Notes notes;
  EXPECT_THAT(RunGuarded(
                  {}, [](Notes*) { return absl::OkStatus(); }, &notes),
              IsOk());
  EXPECT_THAT(notes, IsEmpty());
}

}  // namespace
}  // namespace elmo
