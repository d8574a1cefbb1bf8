#include "server/model_loader.h"

#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/engine/elmo_engine.h"
#include "core/model/model_package.h"

namespace elmo {
namespace {

LstmPath PathOf(const std::string& lstm) {
  if (lstm == "primitive") return LstmPath::kPrimitive;
  if (lstm == "merged") return LstmPath::kMerged;
  return LstmPath::kAuto;
}

void OnTwoThreads(absl::FunctionRef<void()> one,
                  absl::FunctionRef<void()> other) {
  std::thread thread(other);
  one();
  thread.join();
}

absl::StatusOr<ServedModel> Load(const CommandLine& options,
                                 const CommandLine::Model& source) {
  ElmoEngineOptions engine_options;
  const Precision precision =
      ParsePrecision(options.precision).value_or(Precision::kF32);
  engine_options.precision = precision;
  engine_options.lstm_path = PathOf(options.lstm);
  engine_options.word_cache_bytes = int64_t{options.word_cache_mb} << 20;
  ElmoEngine::Builder builder(engine_options);
  ELMO_ASSIGN_OR_RETURN(
      const std::unique_ptr<ModelPackage> package,
      ModelPackage::LoadInto(source.directory, &builder, OnTwoThreads));
  ServedModel model;
  model.engine = builder.Build();
  model.name = source.name.empty() ? package->name() : source.name;
  model.checksum = package->checksum();
  model.precision = PrecisionName(precision);
  model.warm_state = package->warm_state();
  return model;
}

}  // namespace

absl::StatusOr<std::vector<ServedModel>> LoadModels(
    const CommandLine& options) {
  std::vector<ServedModel> models;
  for (const CommandLine::Model& source : options.models) {
    try {
      ELMO_ASSIGN_OR_RETURN(ServedModel model, Load(options, source));
      models.push_back(std::move(model));
    } catch (const std::exception& e) {  // Out of memory.
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot load ", source.directory, ": ", e.what()));
    }
  }
  return models;
}

}  // namespace elmo
