#include "server/metrics/process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace elmo {
namespace {

// proc(5): fields of /proc/self/stat, counted from 1.
constexpr int kThreadsField = 20;
constexpr int kStartField = 22;
constexpr int kVirtualBytesField = 23;
constexpr int kResidentPagesField = 24;

double Seconds(const timeval& time) {
  return time.tv_sec + 1e-6 * time.tv_usec;
}

// Seconds since 1970 at which the machine was started.
double BootTime() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    if (words >> key >> value && key == "btime") return value;
  }
  return 0;
}

int64_t CountOpenFds() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int64_t entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries - 3;  // ".", "..", and the directory that was just open.
}

void ReadStat(ProcessFigures* figures) {
  std::ifstream file("/proc/self/stat");
  std::string stat;
  if (!std::getline(file, stat)) return;
  // The second field is the program's name in brackets, which may hold blanks.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream words(stat.substr(name_end + 1));
  std::string word;
  for (int field = 3; words >> word; ++field) {
    const double value = std::strtod(word.c_str(), nullptr);
    if (field == kThreadsField) {
      figures->threads = static_cast<int64_t>(value);
    } else if (field == kStartField) {
      static const double boot_time = BootTime();
      figures->start_time_seconds = boot_time + value / sysconf(_SC_CLK_TCK);
    } else if (field == kVirtualBytesField) {
      figures->virtual_memory_bytes = static_cast<int64_t>(value);
    } else if (field == kResidentPagesField) {
      figures->resident_memory_bytes =
          static_cast<int64_t>(value) * sysconf(_SC_PAGESIZE);
    }
  }
}

}  // namespace

ProcessFigures ReadProcessFigures() {
  ProcessFigures figures;
  ReadStat(&figures);
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    figures.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    figures.max_fds = static_cast<int64_t>(files.rlim_cur);
  }
  figures.open_fds = CountOpenFds();
  return figures;
}

}  // namespace elmo
