#include "server/metrics/process_figures.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "core/base/mutex.h"

namespace elmo {
namespace {

TEST(ProcessFiguresTest, MemoryGrowsWithWhatIsUsed) {
  const ProcessFigures before = ReadProcessFigures();
  constexpr int64_t kBytes = 64 << 20;
  const std::vector<char> used(kBytes, 'x');
  const ProcessFigures after = ReadProcessFigures();
  EXPECT_GT(before.resident_memory_bytes, 0);
  EXPECT_GE(after.resident_memory_bytes - before.resident_memory_bytes,
            kBytes / 2);
  EXPECT_GE(after.virtual_memory_bytes, after.resident_memory_bytes);
  EXPECT_EQ(used.back(), 'x');
}

TEST(ProcessFiguresTest, OpenFilesAreCounted) {
  const ProcessFigures before = ReadProcessFigures();
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(ReadProcessFigures().open_fds, before.open_fds + 1);
  close(fd);
  EXPECT_EQ(ReadProcessFigures().open_fds, before.open_fds);
  EXPECT_GT(before.max_fds, before.open_fds);
}

TEST(ProcessFiguresTest, ThreadsAreCounted) {
  Mutex mu;
  mu.Lock();
  // A sanitizer has a thread of its own from the first one on.
  std::thread first([&mu] { MutexLock lock(&mu); });
  const int64_t before = ReadProcessFigures().threads;
  std::thread second([&mu] { MutexLock lock(&mu); });
  EXPECT_GE(before, 2);
  EXPECT_EQ(ReadProcessFigures().threads, before + 1);
  mu.Unlock();
  first.join();
  second.join();
}

TEST(ProcessFiguresTest, CpuTimeGoesOnAndStartIsInThePast) {
  const ProcessFigures before = ReadProcessFigures();
  ProcessFigures after = before;
  while (after.cpu_seconds <= before.cpu_seconds) after = ReadProcessFigures();
  const double now = std::chrono::duration<double>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  // The kernel's boot time is in whole seconds.
  EXPECT_LE(after.start_time_seconds, now + 2);
  EXPECT_GT(after.start_time_seconds, now - 3600);
  EXPECT_EQ(after.start_time_seconds, before.start_time_seconds);
}

}  // namespace
}  // namespace elmo
