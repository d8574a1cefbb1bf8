#include "server/check.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/listening_sockets.h"
#include "server/model_loader.h"
#include "server/security/security.h"
#include "server/served_model.h"

namespace elmo {
namespace {

constexpr int kFailed = 1;

// Prints a line; whether it was a good one.
bool Report(const std::string& what, const absl::StatusOr<std::string>& found,
            std::ostream& out) {
  out << what << ": "
      << (found.ok() ? "ok, " + *found
                     : absl::StrCat("FAILED: ", found.status().message()))
      << "\n";
  return found.ok();
}

// That a file can be put there, beside what may be there already.
absl::StatusOr<std::string> CheckPlace(const std::filesystem::path& path) {
  std::error_code none;
  std::filesystem::path folder = path.parent_path();
  if (folder.empty()) folder = ".";
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return absl::UnavailableError(
        absl::StrCat("folder ", folder.string(), ": ", std::strerror(errno)));
  }
  if (!path.has_filename() || std::filesystem::is_directory(path, none)) {
    return absl::UnavailableError("it is a folder, not a file");
  }
  return absl::StrCat("folder ", folder.string(), " can be written");
}

// That it is this machine's. The port may be taken, by the very server that the
// new options are for.
absl::StatusOr<std::string> CheckAddress(const std::string& listen) {
  constexpr char kUnix[] = "unix:";
  if (absl::StartsWith(listen, kUnix)) {
    const std::string path = listen.substr(std::strlen(kUnix));
    constexpr size_t kMaxBytes = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() > kMaxBytes) {
      return absl::UnavailableError(absl::StrCat(
          "the path has ", path.size(), " bytes; limit is ", kMaxBytes));
    }
    return CheckPlace(path);
  }
  const std::string host = listen.substr(0, listen.rfind(':'));
  ELMO_ASSIGN_OR_RETURN(const ListeningSockets sockets,
                        ListenOn(absl::StrCat(host, ":0"), /*window=*/0));
  for (const int socket : sockets.descriptors) close(socket);
  return absl::StrCat(host, " is this machine's");
}

// Addresses, and the files that ports are written to.
bool CheckPlaces(const CommandLine& options, std::ostream& out) {
  bool good = true;
  const std::pair<const char*, const std::string&> addresses[] = {
      {"--listen ", options.server.listen},
      {"--metrics-listen ", options.server.metrics_listen},
      {"--probe-listen ", options.server.security.probe_listen},
  };
  for (const auto& [flag, listen] : addresses) {
    if (listen.empty()) continue;
    good &= Report(flag + listen, CheckAddress(listen), out);
  }
  const std::pair<const char*, const std::string&> files[] = {
      {"--port-file ", options.port_file},
      {"--metrics-port-file ", options.metrics_port_file},
  };
  for (const auto& [flag, path] : files) {
    if (!path.empty()) good &= Report(flag + path, CheckPlace(path), out);
  }
  return good;
}

absl::StatusOr<std::string> CheckSecurity(const SecurityOptions& options) {
  ELMO_ASSIGN_OR_RETURN(const std::unique_ptr<Security> security,
                        Security::Create(options));
  return security->Describe();
}

// Loads and runs it, then lets go of it: one model's memory at a time.
absl::StatusOr<std::string> CheckModel(CommandLine options, size_t index,
                                       std::set<std::string>* names) {
  options.models = {options.models[index]};
  const auto start = std::chrono::steady_clock::now();
  ELMO_ASSIGN_OR_RETURN(std::vector<ServedModel> models, LoadModels(options));
  ELMO_ASSIGN_OR_RETURN(
      const std::shared_ptr<const ServedModel> model,
      PrepareModel(std::move(models[0]), options.server.scheduler.workers));
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  if (!names->insert(model->name).second) {
    return absl::InvalidArgumentError(absl::StrCat(
        "another model is named ", model->name, " too; say NAME=DIR"));
  }
  const LstmOptions& lstm = model->engine->options().lstm;
  return absl::StrCat(model->name, " (", model->precision, ", ",
                      lstm.num_layers, " layers of ", 2 * lstm.projection_dim,
                      ", checksum ", model->checksum, "), loaded and run in ",
                      static_cast<int>(seconds.count() * 10) / 10.0, " s");
}

}  // namespace

int RunCheck(const CommandLine& options, std::ostream& out) {
  bool good = Report("configuration", options.effective, out);
  good &= CheckPlaces(options, out);
  good &= Report("security", CheckSecurity(options.server.security), out);
  std::set<std::string> names;
  for (size_t i = 0; i < options.models.size(); ++i) {
    good &= Report(absl::StrCat("model ", options.models[i].directory),
                   CheckModel(options, i, &names), out);
  }
  return good ? 0 : kFailed;
}

}  // namespace elmo
