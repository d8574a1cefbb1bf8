#include "server/check.h"

#include <chrono>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
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
  good &= Report("security", CheckSecurity(options.server.security), out);
  std::set<std::string> names;
  for (size_t i = 0; i < options.models.size(); ++i) {
    good &= Report(absl::StrCat("model ", options.models[i].directory),
                   CheckModel(options, i, &names), out);
  }
  return good ? 0 : kFailed;
}

}  // namespace elmo
