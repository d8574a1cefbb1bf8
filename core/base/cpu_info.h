#ifndef ELMO_CORE_BASE_CPU_INFO_H_
#define ELMO_CORE_BASE_CPU_INFO_H_

#include <optional>
#include <string>

namespace elmo {

// CPUs that this process really gets: the smaller of its affinity mask and of
// its cgroup's quota, rounded down, at least 1. A container with 2 CPUs on a
// machine with 64 gets 2; more threads than that would only be throttled.
int GrantedCpus();

// CPUs that the control group's quota allows this process, as a fraction
// (1.5); nullopt where there is no limit. Reads cgroup v2 (cpu.max) and v1
// (cpu.cfs_quota_us, cpu.cfs_period_us), of the process's own group and all
// groups above it; the smallest counts. What cannot be read is no limit.
// `root` stands for "/", so that a test can lay out the files itself.
std::optional<double> CgroupCpuLimit(const std::string& root);

}  // namespace elmo

#endif  // ELMO_CORE_BASE_CPU_INFO_H_
