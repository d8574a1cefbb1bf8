#include "core/base/cpu_info.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace elmo {
namespace {

// A root folder in which a test lays out what the kernel would show.
class CpuInfoTest : public ::testing::Test {
 protected:
  CpuInfoTest()
      : root_(std::filesystem::temp_directory_path() /
              ("cpu_info_test." + std::to_string(getpid()))) {
    std::filesystem::remove_all(root_);
  }
  ~CpuInfoTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::optional<double> Limit() const { return CgroupCpuLimit(root_.string()); }

 private:
  const std::filesystem::path root_;
};

TEST_F(CpuInfoTest, NoFilesAreNoLimit) { EXPECT_EQ(Limit(), std::nullopt); }

TEST_F(CpuInfoTest, ReadsTheQuotaOfVersion2) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(Limit(), 1.5);
}

TEST_F(CpuInfoTest, MaxIsNoLimit) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(Limit(), std::nullopt);
}

TEST_F(CpuInfoTest, SmallestLimitOfAllGroupsAboveCounts) {
  Write("proc/self/cgroup", "0::/kubepods/pod1/app\n");
  Write("sys/fs/cgroup/kubepods/cpu.max", "800000 100000\n");
  Write("sys/fs/cgroup/kubepods/pod1/cpu.max", "200000 100000\n");
  Write("sys/fs/cgroup/kubepods/pod1/app/cpu.max", "max 100000\n");
  EXPECT_EQ(Limit(), 2.0);
}

TEST_F(CpuInfoTest, PathThatOnlyTheHostSeesFallsBackToTheMount) {
  Write("proc/self/cgroup", "0::/system.slice/docker-1234.scope\n");
  Write("sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(Limit(), 4.0);
}

TEST_F(CpuInfoTest, ReadsTheQuotaOfVersion1) {
  Write("proc/self/cgroup",
        "12:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/\n");
  Write("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "250000\n");
  Write("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Limit(), 2.5);
}

TEST_F(CpuInfoTest, Version1InAContainerIsAtTheMount) {
  Write("proc/self/cgroup", "4:cpu:/docker/1\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Limit(), 3.0);
}

TEST_F(CpuInfoTest, NegativeQuotaOfVersion1IsNoLimit) {
  Write("proc/self/cgroup", "4:cpu:/\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Limit(), std::nullopt);
}

TEST_F(CpuInfoTest, OtherControllersDoNotCount) {
  Write("proc/self/cgroup", "4:cpuset:/\n5:cpuacct:/\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Limit(), std::nullopt);
}

TEST_F(CpuInfoTest, NonsenseIsNoLimit) {
  Write("proc/self/cgroup", "\n:\n0:\n0::/a\nx::/b\n");
  Write("sys/fs/cgroup/a/cpu.max", "many few\n");
  Write("sys/fs/cgroup/b/cpu.max", "100000 0\n");
  EXPECT_EQ(Limit(), std::nullopt);
}

TEST(GrantedCpusTest, IsAtLeastOneAndNoMoreThanTheMachineHas) {
  EXPECT_GE(GrantedCpus(), 1);
  EXPECT_LE(GrantedCpus(), sysconf(_SC_NPROCESSORS_CONF));
}

}  // namespace
}  // namespace elmo
