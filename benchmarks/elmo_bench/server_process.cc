#include "benchmarks/elmo_bench/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "benchmarks/elmo_bench/measure.h"
#include "tests/testing/scrape.h"

namespace elmo::bench {
namespace {

constexpr double kPatienceSeconds = 120;

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Of a file that the server renames into place when it is complete.
int PortIn(const std::string& path) {
  std::ifstream file(path);
  int port = 0;
  file >> port;
  return port;
}

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // It does not outlive us.
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const Options& options) {
  const std::string port_file = options.work + "/port";
  const std::string metrics_file = options.work + "/metrics-port";
  const std::string log = options.work + "/server.log";
  std::filesystem::create_directories(options.work);
  std::filesystem::remove(port_file);
  std::filesystem::remove(metrics_file);
  std::vector<std::string> arguments = {options.binary, "--model",
                                        options.model,  "--listen",
                                        "127.0.0.1:0",  "--port-file",
                                        port_file,      "--metrics-listen",
                                        "127.0.0.1:0",  "--metrics-port-file",
                                        metrics_file};
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<ServerProcess> server(
      new ServerProcess(Spawn(arguments, log)));
  while (server->port_ == 0) {
    int status = 0;
    if (server->pid_ < 0 || waitpid(server->pid_, &status, WNOHANG) != 0 ||
        SecondsSince(start) > kPatienceSeconds) {
      const std::string text = Contents(log);
      return absl::FailedPreconditionError(absl::StrCat(
          options.binary, " is not ready: ",
          text.substr(text.size() - std::min<size_t>(text.size(), 1000))));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server->port_ = PortIn(port_file);
  }
  server->seconds_to_ready_ = SecondsSince(start);
  server->metrics_port_ = PortIn(metrics_file);
  return server;
}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

std::string ServerProcess::target() const {
  return absl::StrCat("127.0.0.1:", port_);
}

std::vector<ServerProcess::ThreadTime> ServerProcess::ThreadTimes() const {
  std::vector<ThreadTime> times;
  std::error_code error;  // A thread may end while we look.
  for (const auto& task : std::filesystem::directory_iterator(
           absl::StrCat("/proc/", pid_, "/task"), error)) {
    std::ifstream file(task.path() / "schedstat");
    double cpu_ns = 0, waiting_ns = 0;
    if (file >> cpu_ns >> waiting_ns) {
      times.push_back({1e-9 * cpu_ns, 1e-9 * waiting_ns});
    }
  }
  std::sort(times.begin(), times.end(),
            [](const ThreadTime& a, const ThreadTime& b) {
              return a.cpu_seconds > b.cpu_seconds;
            });
  return times;
}

double ServerProcess::CpuSeconds() const {
  const std::string text = Contents(absl::StrCat("/proc/", pid_, "/stat"));
  // After the name, which may hold anything: the state, ten numbers, and then
  // the time in user mode and in the kernel.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ServerProcess::ResidentBytes() const { return StatusBytes("VmRSS:"); }
double ServerProcess::PeakResidentBytes() const {
  return StatusBytes("VmHWM:");
}

double ServerProcess::StatusBytes(const std::string& key) const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/status"));
  std::string word;
  double kilobytes = 0;
  while (file >> word) {
    if (word == key && file >> kilobytes) break;
  }
  return 1024 * kilobytes;
}

double ServerProcess::Metric(const std::string& name) const {
  std::istringstream lines(testing::HttpGet(metrics_port_, "/metrics"));
  std::string line;
  double sum = 0;
  while (std::getline(lines, line)) {
    const size_t end = line.find_first_of("{ ");
    if (end == std::string::npos || line.substr(0, end) != name) continue;
    sum += std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

}  // namespace elmo::bench
