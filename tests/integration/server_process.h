#ifndef ELMO_TESTS_INTEGRATION_SERVER_PROCESS_H_
#define ELMO_TESTS_INTEGRATION_SERVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "grpcpp/grpcpp.h"

namespace elmo::testing {

// The program elmo-server as a process. Single thread only.
class ServerProcess {
 public:
  explicit ServerProcess(std::vector<std::string> flags);
  // Kills it where it still runs.
  ~ServerProcess();

  // Until it says that it serves: its address. Empty where it ended instead.
  std::string WaitUntilServing();
  void Signal(int signal);
  // Until it has ended: its exit code, or 1000 + the signal that killed it.
  int Wait();
  // What it has written to stdout and stderr so far.
  std::string output() const;

 private:
  void ReadOutput(int pipe);

  pid_t pid_ = 0;
  bool ended_ = false;
  mutable Mutex mu_;
  mutable CondVar changed_;
  std::string output_ ABSL_GUARDED_BY(mu_);
  bool output_ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread reader_;
};

// A channel without retries, with its own connection.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_INTEGRATION_SERVER_PROCESS_H_
