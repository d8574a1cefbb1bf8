#ifndef ELMO_SERVER_MODEL_REGISTRY_H_
#define ELMO_SERVER_MODEL_REGISTRY_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/served_model.h"

namespace elmo {

// The models that are served, by name; the first is the default one. They can
// be exchanged while requests run: these keep the model that they began with.
//
// Thread-safe.
class ModelRegistry {
 public:
  using Model = std::shared_ptr<const ServedModel>;

  // INVALID_ARGUMENT where there is none, or two have the same name: then the
  // old ones stay.
  absl::Status Replace(std::vector<Model> models);

  // The model of that name; empty: the default one. NOT_FOUND where there is
  // none.
  absl::StatusOr<Model> Find(std::string_view name) const;
  std::vector<Model> All() const;

 private:
  mutable Mutex mu_;
  std::vector<Model> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_MODEL_REGISTRY_H_
