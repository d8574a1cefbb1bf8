#include "tests/integration/server_process.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

extern char** environ;

namespace elmo::testing {

ServerProcess::ServerProcess(std::vector<std::string> flags) {
  flags.insert(flags.begin(), ELMO_SERVER_PROGRAM);
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  for (const int end : pipe_ends) {
    posix_spawn_file_actions_addclose(&actions, end);
  }
  EXPECT_EQ(
      posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  reader_ = std::thread([this, end = pipe_ends[0]] { ReadOutput(end); });
}

ServerProcess::~ServerProcess() {
  if (!ended_) {
    Signal(SIGKILL);
    Wait();
  }
  reader_.join();
}

void ServerProcess::ReadOutput(int pipe) {
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(pipe, buffer, sizeof(buffer));
    MutexLock lock(&mu_);
    output_ended_ = size <= 0;
    if (!output_ended_) output_.append(buffer, size);
    changed_.NotifyAll();
    if (output_ended_) break;
  }
  close(pipe);
}

std::string ServerProcess::WaitUntilServing() {
  // "... serving model NAME on ADDRESS with N workers"
  MutexLock lock(&mu_);
  for (;;) {
    const size_t begin = output_.find("serving model ");
    const size_t end = output_.find(" with ", begin);
    if (begin != std::string::npos && end != std::string::npos) {
      const size_t address = output_.find(" on ", begin) + 4;
      return output_.substr(address, end - address);
    }
    if (output_ended_) return "";
    changed_.Wait(&mu_);
  }
}

void ServerProcess::Signal(int signal) { kill(pid_, signal); }

int ServerProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = true;
  MutexLock lock(&mu_);
  while (!output_ended_) changed_.Wait(&mu_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

std::string ServerProcess::output() const {
  MutexLock lock(&mu_);
  return output_;
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace elmo::testing
