#ifndef ELMO_BENCHMARKS_ELMO_BENCH_SERVER_PROCESS_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace elmo::bench {

// An elmo-server that is running; ended with it.
class ServerProcess {
 public:
  struct Options {
    std::string binary;
    std::string model;
    std::string work;  // Folder for its files.
    std::vector<std::string> flags;
  };

  // Returns when the server is ready. FAILED_PRECONDITION with the end of what
  // it logged where it does not get there.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const Options& options);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // HOST:PORT.
  std::string target() const;
  // From the start of the process until it was ready.
  double seconds_to_ready() const { return seconds_to_ready_; }

  // Of each thread that is alive, the most CPU time first.
  struct ThreadTime {
    double cpu_seconds = 0;
    double waiting_seconds = 0;  // Ready to run, without a CPU.
  };
  std::vector<ThreadTime> ThreadTimes() const;
  // Of all threads, also those that have ended; in hundredths.
  double CpuSeconds() const;
  // Now, and the most so far.
  double ResidentBytes() const;
  double PeakResidentBytes() const;
  // Of the server's metrics, summed over the labels; 0 where there is none.
  double Metric(const std::string& name) const;

 private:
  explicit ServerProcess(pid_t pid) : pid_(pid) {}
  double StatusBytes(const std::string& key) const;

  const pid_t pid_;
  int port_ = 0;
  int metrics_port_ = 0;
  double seconds_to_ready_ = 0;
};

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_SERVER_PROCESS_H_
