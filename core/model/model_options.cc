#include "core/model/model_options.h"

#include <cmath>
#include <initializer_list>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/json.h"

namespace elmo {
namespace {

using nlohmann::json;

// Far above every ELMo that was published (4096 cells, 2048 filters), low
// enough that no product of two of them leaves 32 bits.
constexpr int kMaxDim = 32768;
constexpr int kMaxLayers = 8;  // bilm-tf's name map ends there.
constexpr int kMaxHighway = 16;
constexpr int kMaxFilters = 64;
constexpr int kMaxEmbeddingDim = 1024;
// Two marks and one byte at least.
constexpr int kMinCharacters = 3;
constexpr int kMaxCharacters = 1024;
constexpr int kDefaultCharacters = 50;  // What AllenNLP always takes.
// The engine tabulates the convolutions: 262 rows of this many floats.
constexpr int64_t kMaxTableColumns = 1 << 20;
constexpr int64_t kMaxParameters = int64_t{1} << 31;

absl::Status Error(absl::string_view key, const json& value,
                   absl::string_view accepted) {
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", JsonForMessage(value), "; ", accepted));
}

absl::Status Missing(absl::string_view key, absl::string_view accepted) {
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is missing; ", accepted));
}

// One object of the options and its name, for messages.
struct Section {
  const json& object;
  std::string name;

  std::string Key(const char* key) const {
    return absl::StrCat(name, ".", key);
  }
  const json* Find(const char* key) const {
    const auto it = object.find(key);
    return it == object.end() ? nullptr : &*it;
  }
};

struct Range {
  int min;
  int max;
};

absl::StatusOr<int> ToInt(const std::string& key, const json& value,
                          Range range) {
  const bool in_range =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<uint64_t>() <= INT32_MAX) &&
      value.get<int64_t>() >= range.min && value.get<int64_t>() <= range.max;
  if (in_range) return value.get<int>();
  return Error(
      key, value,
      absl::StrCat("must be an integer from ", range.min, " to ", range.max));
}

// `missing`: the value where there is no key; null: the key is required.
absl::StatusOr<int> GetInt(const Section& section, const char* key, Range range,
                           const int* missing = nullptr) {
  const json* value = section.Find(key);
  if (value != nullptr) return ToInt(section.Key(key), *value, range);
  if (missing != nullptr) return *missing;
  return Missing(section.Key(key), absl::StrCat("must be an integer from ",
                                                range.min, " to ", range.max));
}

// Missing, null and 0 all mean no clip.
absl::StatusOr<float> GetClip(const Section& section, const char* key) {
  const json* value = section.Find(key);
  if (value == nullptr || value->is_null()) return 0.0f;
  if (value->is_number()) {
    const double clip = value->get<double>();
    const float as_float = static_cast<float>(clip);
    // A clip that f32 takes for 0 or infinity would silently mean "none".
    if (clip == 0) return 0.0f;
    if (as_float > 0 && std::isfinite(as_float)) return as_float;
  }
  return Error(section.Key(key), *value,
               "must be a positive number, or null or 0 for no clip");
}

absl::StatusOr<LstmOptions> ParseLstm(const Section& section) {
  LstmOptions options;
  ELMO_ASSIGN_OR_RETURN(options.dim, GetInt(section, "dim", {1, kMaxDim}));
  ELMO_ASSIGN_OR_RETURN(options.projection_dim,
                        GetInt(section, "projection_dim", {1, kMaxDim}));
  const int one_layer = 1;
  ELMO_ASSIGN_OR_RETURN(
      options.num_layers,
      GetInt(section, "n_layers", {1, kMaxLayers}, &one_layer));
  ELMO_ASSIGN_OR_RETURN(options.cell_clip, GetClip(section, "cell_clip"));
  ELMO_ASSIGN_OR_RETURN(options.proj_clip, GetClip(section, "proj_clip"));
  const json* skip = section.Find("use_skip_connections");
  if (skip == nullptr) {
    // No default: AllenNLP and bilm-tf have none either, and a wrong guess
    // would change every vector without a word.
    return Missing("lstm.use_skip_connections", "must be true or false");
  }
  if (!skip->is_boolean()) {
    return Error("lstm.use_skip_connections", *skip, "must be true or false");
  }
  options.use_skip_connections = skip->get<bool>();
  if (options.projection_dim > options.dim) {
    return absl::InvalidArgumentError(absl::StrCat(
        "lstm.projection_dim is ", options.projection_dim,
        "; must not be larger than lstm.dim, which is ", options.dim));
  }
  return options;
}

absl::Status CheckNumCharacters(const Section& section) {
  const json* value = section.Find("n_characters");
  // The weight file has one row for each id in any case.
  if (value == nullptr || *value == 261 || *value == 262) {
    return absl::OkStatus();
  }
  return Error(section.Key("n_characters"), *value,
               "must be 262, or 261 as training files have it");
}

absl::StatusOr<Activation> ParseActivation(const Section& section) {
  const json* value = section.Find("activation");
  if (value == nullptr) {
    return Missing(section.Key("activation"), "must be \"relu\" or \"tanh\"");
  }
  if (*value == "relu") return Activation::kRelu;
  if (*value == "tanh") return Activation::kTanh;
  return Error(section.Key("activation"), *value,
               "must be \"relu\" or \"tanh\"");
}

absl::StatusOr<std::vector<CharCnnOptions::Filter>> ParseFilters(
    const Section& section, int max_width) {
  constexpr absl::string_view kAccepted =
      "must be a list of 1 to 64 pairs [width, count]";
  const std::string key = section.Key("filters");
  const json* value = section.Find("filters");
  if (value == nullptr) return Missing(key, kAccepted);
  if (!value->is_array() || value->empty() || value->size() > kMaxFilters) {
    return Error(key, *value, kAccepted);
  }
  std::vector<CharCnnOptions::Filter> filters;
  for (size_t i = 0; i < value->size(); ++i) {
    const std::string item = absl::StrCat(key, "[", i, "]");
    const json& pair = (*value)[i];
    if (!pair.is_array() || pair.size() != 2) {
      return Error(item, pair, "must be a pair [width, count]");
    }
    CharCnnOptions::Filter filter;
    ELMO_ASSIGN_OR_RETURN(filter.width, ToInt(absl::StrCat(item, "[0] (width)"),
                                              pair[0], {1, max_width}));
    ELMO_ASSIGN_OR_RETURN(filter.count, ToInt(absl::StrCat(item, "[1] (count)"),
                                              pair[1], {1, kMaxDim}));
    filters.push_back(filter);
  }
  return filters;
}

absl::StatusOr<CharCnnOptions> ParseCharCnn(const Section& section) {
  CharCnnOptions options;
  const json* embedding = section.Find("embedding");
  constexpr absl::string_view kAccepted = "must be an object with the key dim";
  if (embedding == nullptr) return Missing("char_cnn.embedding", kAccepted);
  if (!embedding->is_object()) {
    return Error("char_cnn.embedding", *embedding, kAccepted);
  }
  ELMO_ASSIGN_OR_RETURN(
      options.embedding_dim,
      GetInt({*embedding, "char_cnn.embedding"}, "dim", {1, kMaxEmbeddingDim}));
  ELMO_RETURN_IF_ERROR(CheckNumCharacters(section));
  ELMO_ASSIGN_OR_RETURN(
      options.max_characters_per_token,
      GetInt(section, "max_characters_per_token",
             {kMinCharacters, kMaxCharacters}, &kDefaultCharacters));
  ELMO_ASSIGN_OR_RETURN(options.activation, ParseActivation(section));
  ELMO_ASSIGN_OR_RETURN(
      options.filters, ParseFilters(section, options.max_characters_per_token));
  const json* highway = section.Find("n_highway");
  if (highway != nullptr && !highway->is_null()) {
    ELMO_ASSIGN_OR_RETURN(
        options.num_highway,
        ToInt("char_cnn.n_highway", *highway, {0, kMaxHighway}));
  }
  if (options.num_filters() > kMaxDim) {
    return absl::InvalidArgumentError(
        absl::StrCat("char_cnn.filters has ", options.num_filters(),
                     " filters in all; limit is ", kMaxDim));
  }
  return options;
}

// What the file probably is when the two sections are not there.
absl::Status NoSections(const json& root) {
  if (root.contains("token_embedder") || root.contains("encoder")) {
    return absl::InvalidArgumentError(
        "lstm is missing: this looks like a configuration of ELMoForManyLangs, "
        "whose models have another architecture and are not supported");
  }
  return Missing("lstm",
                 "must be an object (is this an options.json of "
                 "AllenNLP or bilm-tf?)");
}

absl::Status CheckCharCnnSection(const json& root) {
  const auto it = root.find("char_cnn");
  if (it == root.end() || it->is_null()) {
    return absl::InvalidArgumentError(
        "char_cnn is missing: this model was trained on word ids; only models "
        "with a character CNN are supported");
  }
  if (!it->is_object()) return Error("char_cnn", *it, "must be an object");
  return absl::OkStatus();
}

absl::Status CheckWhole(const ModelOptions& options) {
  const int num_filters = options.char_cnn.num_filters();
  if (num_filters < options.lstm.projection_dim) {
    return absl::InvalidArgumentError(absl::StrCat(
        "char_cnn.filters has ", num_filters,
        " filters in all; must be at least lstm.projection_dim, which is ",
        options.lstm.projection_dim));
  }
  int64_t columns = 0;
  for (const CharCnnOptions::Filter& filter : options.char_cnn.filters) {
    columns += int64_t{filter.width} * filter.count;
  }
  if (columns > kMaxTableColumns) {
    return absl::InvalidArgumentError(
        absl::StrCat("char_cnn.filters: the sum of width * count is ", columns,
                     "; limit is ", kMaxTableColumns));
  }
  // With all projections that its weights may have.
  ModelOptions largest = options;
  largest.lstm.square_projection = true;
  largest.char_cnn.square_projection = true;
  const int64_t parameters = NumParameters(largest);
  if (parameters > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("the dimensions make a model of ", parameters,
                     " parameters; limit is ", kMaxParameters));
  }
  return absl::OkStatus();
}

}  // namespace

int CharCnnOptions::num_filters() const {
  int sum = 0;
  for (const Filter& filter : filters) sum += filter.count;
  return sum;
}

absl::StatusOr<ModelOptions> ParseModelOptions(std::string_view text) {
  ELMO_ASSIGN_OR_RETURN(const json root, ParseJsonObject(text));
  const auto lstm = root.find("lstm");
  if (lstm == root.end()) return NoSections(root);
  if (!lstm->is_object()) return Error("lstm", *lstm, "must be an object");
  ELMO_RETURN_IF_ERROR(CheckCharCnnSection(root));
  ModelOptions options;
  ELMO_ASSIGN_OR_RETURN(options.lstm, ParseLstm({*lstm, "lstm"}));
  ELMO_ASSIGN_OR_RETURN(options.char_cnn,
                        ParseCharCnn({root["char_cnn"], "char_cnn"}));
  ELMO_RETURN_IF_ERROR(CheckWhole(options));
  return options;
}

std::string FormatModelOptions(const ModelOptions& options) {
  const auto clip = [](float value) {
    return value > 0 ? json(value) : json();
  };
  json filters = json::array();
  for (const CharCnnOptions::Filter& filter : options.char_cnn.filters) {
    filters.push_back(json::array({filter.width, filter.count}));
  }
  const bool relu = options.char_cnn.activation == Activation::kRelu;
  const json root = {
      {"lstm",
       {{"dim", options.lstm.dim},
        {"projection_dim", options.lstm.projection_dim},
        {"n_layers", options.lstm.num_layers},
        {"cell_clip", clip(options.lstm.cell_clip)},
        {"proj_clip", clip(options.lstm.proj_clip)},
        {"use_skip_connections", options.lstm.use_skip_connections}}},
      {"char_cnn",
       {{"activation", relu ? "relu" : "tanh"},
        {"filters", filters},
        {"n_highway", options.char_cnn.num_highway},
        {"embedding", {{"dim", options.char_cnn.embedding_dim}}},
        {"n_characters", 262},
        {"max_characters_per_token",
         options.char_cnn.max_characters_per_token}}}};
  return root.dump(2) + "\n";
}

int64_t NumParameters(const ModelOptions& options) {
  const int64_t d = options.char_cnn.embedding_dim;
  const int64_t f = options.char_cnn.num_filters();
  const int64_t p = options.lstm.projection_dim;
  const int64_t h = options.lstm.dim;
  int64_t sum = 261 * d;
  for (const CharCnnOptions::Filter& filter : options.char_cnn.filters) {
    sum += filter.width * d * filter.count + filter.count;
  }
  sum += options.char_cnn.num_highway * (2 * f * f + 2 * f);
  if (options.has_char_projection()) sum += f * p + p;
  const int64_t projection = options.lstm.has_projection() ? h * p : 0;
  return sum + 2 * options.lstm.num_layers * (8 * p * h + 4 * h + projection);
}

}  // namespace elmo
