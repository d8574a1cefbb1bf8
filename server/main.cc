// elmo-server: serves ELMo models over gRPC. docs/operations.md has the
// flags, limits, status codes and the life cycle.
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/synchronization/mutex.h"
#include "core/base/cpu_info.h"
#include "server/check.h"
#include "server/command_line.h"
#include "server/logging.h"
#include "server/model_loader.h"
#include "server/reloader.h"
#include "server/server.h"
#include "server/signal_watcher.h"

namespace {

constexpr int kFailed = 1;

int Fail(const absl::Status& status) {
  std::cerr << "elmo-server: " << status.message() << "\n";
  return kFailed;
}

// Beside its place first: whoever waits for the file must not read half of it.
absl::Status WritePort(int port, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << port << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::InternalError("cannot write the port file " + path);
  }
  return absl::OkStatus();
}

// As many file descriptors as the system grants: where gRPC 1.51 runs out of
// them, it never accepts a connection again.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Large blocks (weights, workspaces) are mappings of their own, which go back
// to the system when they are freed. glibc would raise the bound to 32 MB as
// soon as it sees one freed, take them from the heaps of the threads, and keep
// 64 MB of free memory in each of those.
void FixMallocThresholds() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 21);
#endif
}

// What cannot be loaded changes nothing.
void Reload(const elmo::CommandLine& options, elmo::Server* server) {
  spdlog::info("SIGHUP: loading models, certificates and tokens anew");
  (void)server->security().Reload();  // Says itself what is wrong.
  auto models = elmo::LoadModels(options);
  absl::Status status = models.status();
  if (status.ok()) status = server->ReplaceModels(*std::move(models));
  server->metrics().ModelsReloaded(status.ok());
  if (status.ok()) {
    spdlog::info("serving model {} from now on", server->model_names());
  } else {
    spdlog::error("still serving the models as they were: {}",
                  std::string(status.message()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  FixMallocThresholds();
  // Debian's Abseil looks for deadlocks whenever gRPC locks a mutex.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  auto parsed = elmo::ParseCommandLine(argc, argv, elmo::GrantedCpus(),
                                       std::cout, std::cerr);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const auto& options = std::get<elmo::CommandLine>(parsed);
  elmo::SetUpLogging(options.log_level, options.log_format);
  for (const std::string& name : options.unknown_variables) {
    spdlog::warn("{} in the environment is no option of elmo-server", name);
  }
  if (options.check) return elmo::RunCheck(options, std::cout);
  elmo::SignalWatcher signals;

  auto models = elmo::LoadModels(options);
  if (!models.ok()) return Fail(models.status());
  // After what is often wrong, whose message it would bury.
  spdlog::info("options: {}", options.effective);
  signals.BeginServing();
  auto server = elmo::Server::Create(options.server, *std::move(models));
  if (!server.ok()) return Fail(server.status());
  absl::Status written =
      WritePort((*server)->metrics_port(), options.metrics_port_file);
  if (written.ok()) {
    written = WritePort((*server)->port(), options.port_file);
  }
  if (!written.ok()) return Fail(written);
  spdlog::info("serving model {} on {} with {} workers",
               (*server)->model_names(), (*server)->address(),
               options.server.scheduler.workers);

  if ((*server)->metrics_port() != 0) {
    spdlog::info("metrics on port {}", (*server)->metrics_port());
  }
  if ((*server)->probe_port() != 0) {
    spdlog::info("health for probes on port {}", (*server)->probe_port());
  }

  elmo::Reloader reloader([&] { Reload(options, server->get()); });
  int signal = signals.Wait();
  for (; signal == SIGHUP; signal = signals.Wait()) reloader.Request();
  spdlog::info("signal {}: finishing what was accepted", signal);
  (*server)->Shutdown();
  spdlog::info("stopped");
  // Nobody needs the models that are still being loaded.
  if (reloader.busy()) _exit(0);
  return 0;
}
