#include "core/base/cpu_info.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace elmo {
namespace {

using Limit = std::optional<double>;

Limit Smaller(Limit a, Limit b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

Limit Quotient(double quota, double period) {
  if (!(quota > 0 && period > 0)) return std::nullopt;
  return quota / period;
}

// cgroup v2: "QUOTA PERIOD" in microseconds, or "max PERIOD".
Limit LimitOfGroupV2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period)) return std::nullopt;
  return Quotient(quota, period);
}

// cgroup v1: a file each; a quota of -1 is none.
Limit LimitOfGroupV1(const std::string& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  return Quotient(quota, period);
}

// The smallest limit of `group` and all groups above it. Inside a container the
// path may name folders that only the host can see; those do not exist here and
// are no limit, and the walk ends at the container's own group.
Limit LimitOfPath(const std::string& mount, std::string group,
                  Limit (*limit_of_group)(const std::string&)) {
  Limit limit;
  for (;;) {
    limit = Smaller(limit, limit_of_group(mount + group));
    const size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return limit;
    group.resize(slash);
  }
}

bool NamesCpuController(const std::string& controllers) {
  std::istringstream list(controllers);
  std::string name;
  while (std::getline(list, name, ',')) {
    if (name == "cpu") return true;
  }
  return false;
}

int CpusByAffinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  // More CPUs than the fixed set holds.
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::optional<double> CgroupCpuLimit(const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  Limit limit;
  // Lines "ID:CONTROLLERS:PATH"; v2 is "0::PATH".
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const size_t first = line.find(':');
    if (first == std::string::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      limit = Smaller(limit, LimitOfPath(mounts, path, &LimitOfGroupV2));
    } else if (NamesCpuController(controllers)) {
      for (const char* mount : {"/cpu", "/cpu,cpuacct"}) {
        limit =
            Smaller(limit, LimitOfPath(mounts + mount, path, &LimitOfGroupV1));
      }
    }
  }
  return limit;
}

int GrantedCpus() {
  double cpus = CpusByAffinity();
  if (const Limit limit = CgroupCpuLimit("")) cpus = std::min(cpus, *limit);
  return std::max(1, static_cast<int>(cpus));
}

}  // namespace elmo
