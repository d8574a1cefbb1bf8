#include "core/tool/model_report.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/model/json.h"
#include "core/model/package_format.h"

namespace elmo {
namespace {

using nlohmann::ordered_json;

std::string FromMetadata(const ModelPackage& package, const char* key) {
  const auto it = package.metadata().find(key);
  return it == package.metadata().end() ? std::string() : it->second;
}

ordered_json Clip(float clip) {
  return clip > 0 ? ordered_json(clip) : ordered_json();
}

std::string ClipText(float clip) {
  return clip > 0 ? absl::StrCat(clip) : std::string("none");
}

std::string FiltersText(const CharCnnOptions& options) {
  std::vector<std::string> filters;
  for (const CharCnnOptions::Filter& filter : options.filters) {
    filters.push_back(absl::StrCat(filter.width, "x", filter.count));
  }
  return absl::StrCat(options.num_filters(),
                      " (width x count: ", absl::StrJoin(filters, ", "), ")");
}

const char* ActivationName(Activation activation) {
  return activation == Activation::kRelu ? "relu" : "tanh";
}

std::string WarmText(const ModelPackage& package) {
  if (!package.warm_state().has_value()) return "no";
  const std::string made_from = FromMetadata(package, kWarmUpKey);
  return made_from.empty() ? "yes" : absl::StrCat("yes (", made_from, ")");
}

}  // namespace

std::string TextReport(const ModelPackage& package) {
  const LstmOptions& lstm = package.options().lstm;
  const CharCnnOptions& cnn = package.options().char_cnn;
  std::string text;
  const auto line = [&text](absl::string_view key, const auto& value) {
    const std::string label = absl::StrCat(key, ":");
    absl::StrAppend(&text, label, std::string(20 - label.size(), ' '), value,
                    "\n");
  };
  line("name", package.name());
  line("checksum", package.checksum());
  line("parameters", NumParameters(package.options()));
  line("storage",
       absl::StrCat(package.storage(), ", ", package.file_bytes(), " bytes"));
  line("output", absl::StrCat(package.options().num_output_layers(),
                              " layers of ", package.options().output_dim()));
  line("LSTM layers", absl::StrCat(lstm.num_layers, " per direction"));
  line("LSTM cells", lstm.dim);
  line("LSTM projection", lstm.projection_dim);
  line("skip connections", lstm.use_skip_connections ? "yes" : "no");
  line("cell clip", ClipText(lstm.cell_clip));
  line("projection clip", ClipText(lstm.proj_clip));
  line("filters", FiltersText(cnn));
  line("activation", ActivationName(cnn.activation));
  line("highway layers", cnn.num_highway);
  line("character size", cnn.embedding_dim);
  line("token characters", cnn.max_characters_per_token);
  line("warm state", WarmText(package));
  const std::string source = FromMetadata(package, kSourceWeightsKey);
  line("source weights", source.empty() ? "unknown" : source);
  return text;
}

std::string JsonReport(const ModelPackage& package) {
  const LstmOptions& lstm = package.options().lstm;
  const CharCnnOptions& cnn = package.options().char_cnn;
  ordered_json filters = ordered_json::array();
  for (const CharCnnOptions::Filter& filter : cnn.filters) {
    filters.push_back(ordered_json::array({filter.width, filter.count}));
  }
  const ordered_json report = {
      {"name", package.name()},
      {"checksum", package.checksum()},
      {"parameters", NumParameters(package.options())},
      {"storage", package.storage()},
      {"file_bytes", package.file_bytes()},
      {"output_layers", package.options().num_output_layers()},
      {"output_dim", package.options().output_dim()},
      {"n_layers", lstm.num_layers},
      {"dim", lstm.dim},
      {"projection_dim", lstm.projection_dim},
      {"use_skip_connections", lstm.use_skip_connections},
      {"cell_clip", Clip(lstm.cell_clip)},
      {"proj_clip", Clip(lstm.proj_clip)},
      {"filters", filters},
      {"activation", ActivationName(cnn.activation)},
      {"n_highway", cnn.num_highway},
      {"character_dim", cnn.embedding_dim},
      {"max_characters_per_token", cnn.max_characters_per_token},
      {"warm_state", package.warm_state().has_value()},
      {"metadata", package.metadata()}};
  return report.dump(2) + "\n";
}

}  // namespace elmo
