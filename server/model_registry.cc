#include "server/model_registry.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace elmo {

absl::Status ModelRegistry::Replace(std::vector<Model> models) {
  if (models.empty()) return absl::InvalidArgumentError("there is no model");
  std::set<std::string> names;
  for (const Model& model : models) {
    if (!names.insert(model->name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two models are named \"", model->name,
                       "\"; --model NAME=DIR names them"));
    }
  }
  MutexLock lock(&mu_);
  // The old ones go after the lock: letting go of a large model takes time.
  models_.swap(models);
  return absl::OkStatus();
}

absl::StatusOr<ModelRegistry::Model> ModelRegistry::Find(
    std::string_view name) const {
  MutexLock lock(&mu_);
  if (name.empty()) return models_.front();
  for (const Model& model : models_) {
    if (model->name == name) return model;
  }
  return absl::NotFoundError(
      absl::StrCat("model: no model has this name (", name.size(),
                   " bytes); ListModels tells the names, \"",
                   models_.front()->name, "\" is the default"));
}

std::vector<ModelRegistry::Model> ModelRegistry::All() const {
  MutexLock lock(&mu_);
  return models_;
}

}  // namespace elmo
