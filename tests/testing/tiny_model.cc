#include "tests/testing/tiny_model.h"

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace elmo::testing {
namespace {

int64_t NumFilters(const CharCnnOptions& options) {
  int64_t sum = 0;
  for (const CharCnnOptions::Filter& filter : options.filters) {
    sum += filter.count;
  }
  return sum;
}

float GainOf(const std::string& name, const RandomModelScale& scale) {
  if (absl::StartsWith(name, "CNN_high_")) return scale.highway;
  if (absl::StartsWith(name, "CNN_proj/")) return scale.projection;
  if (absl::EndsWith(name, "W_P_0")) return scale.lstm_projection;
  if (absl::StartsWith(name, "RNN_")) return scale.lstm;
  return scale.char_cnn;
}

}  // namespace

TinyModel::TinyModel(const ModelOptions& options, const FillTensor& fill)
    : options_(options) {
  AddCharCnn(fill);
  for (int layer = 0; layer < options_.lstm.num_layers; ++layer) {
    weights_.forward.push_back(AddCell(fill, 0, layer));
  }
  for (int layer = 0; layer < options_.lstm.num_layers; ++layer) {
    weights_.backward.push_back(AddCell(fill, 1, layer));
  }
}

ConstMatrix TinyModel::Add(const FillTensor& fill, const std::string& name,
                           int64_t rows, int64_t cols) {
  AlignedBuffer<float>& buffer = storage_.emplace_back(rows * cols);
  fill(name, rows, cols, buffer.data());
  return ConstMatrix(buffer.data(), rows, cols);
}

void TinyModel::AddCharCnn(const FillTensor& fill) {
  const CharCnnOptions& cnn = options_.char_cnn;
  const int64_t num_filters = NumFilters(cnn);
  CharCnnWeights& weights = weights_.char_cnn;
  weights.embedding = Add(fill, "char_embed", 261, cnn.embedding_dim);
  for (size_t i = 0; i < cnn.filters.size(); ++i) {
    const auto [width, count] = cnn.filters[i];
    weights.convolutions.push_back(
        {width,
         Add(fill, absl::StrCat("CNN/W_cnn_", i), width * cnn.embedding_dim,
             count),
         Add(fill, absl::StrCat("CNN/b_cnn_", i), 1, count)});
  }
  for (int k = 0; k < cnn.num_highway; ++k) {
    const std::string at = absl::StrCat("CNN_high_", k, "/");
    HighwayWeights highway;
    highway.carry_weight = Add(fill, at + "W_carry", num_filters, num_filters);
    highway.carry_bias = Add(fill, at + "b_carry", 1, num_filters);
    highway.transform_weight =
        Add(fill, at + "W_transform", num_filters, num_filters);
    highway.transform_bias = Add(fill, at + "b_transform", 1, num_filters);
    weights.highways.push_back(highway);
  }
  const int64_t width = options_.lstm.projection_dim;
  if (options_.has_char_projection()) {
    weights.projection = Add(fill, "CNN_proj/W_proj", num_filters, width);
    weights.projection_bias = Add(fill, "CNN_proj/b_proj", 1, width);
  }
}

LstmCellWeights TinyModel::AddCell(const FillTensor& fill, int direction,
                                   int layer) {
  const int64_t cells = options_.lstm.dim;
  const int64_t width = options_.lstm.projection_dim;
  const std::string at = absl::StrCat(
      "RNN_", direction, "/RNN/MultiRNNCell/Cell", layer, "/LSTMCell/");
  LstmCellWeights weights;
  weights.weight = Add(fill, at + "W_0", 2 * width, 4 * cells);
  weights.bias = Add(fill, at + "B", 1, 4 * cells);
  if (options_.lstm.has_projection()) {
    weights.projection = Add(fill, at + "W_P_0", cells, width);
  }
  return weights;
}

std::unique_ptr<TinyModel> RandomModel(const ModelOptions& options,
                                       uint64_t seed,
                                       const RandomModelScale& scale) {
  TestRandom random(seed);
  TestRandom noise(seed + 1);
  const int64_t cells = options.lstm.dim;
  return std::make_unique<TinyModel>(
      options,
      [&](const std::string& name, int64_t rows, int64_t cols, float* values) {
        const bool lstm_bias = absl::EndsWith(name, "/B");
        float limit = GainOf(name, scale) * std::sqrt(3.0f / rows);
        if (name == "char_embed") limit = scale.char_cnn;
        if (rows == 1 && name != "char_embed") limit = scale.bias;
        for (int64_t i = 0; i < rows * cols; ++i) {
          values[i] = random.Uniform(limit);
          // Gates i, j, f, o: the third block is the forget gate's.
          if (lstm_bias && i / cells == 2) values[i] += scale.forget_bias;
          if (scale.noise == 0) continue;
          const double relative = scale.noise * std::sqrt(1.0 * rows) * 0x1p-24;
          values[i] =
              static_cast<float>(values[i] * (1 + relative * noise.Uniform(1)));
        }
      });
}

LstmState RandomState(const LstmOptions& options, uint64_t seed, float h_scale,
                      float c_scale) {
  TestRandom random(seed);
  LstmState state = LstmState::Zero(options);
  for (float& h : state.h) h = random.Uniform(h_scale);
  for (float& c : state.c) c = random.Uniform(c_scale);
  return state;
}

ModelOptions TinyOptions() {
  ModelOptions options;
  options.lstm.dim = 32;
  options.lstm.projection_dim = 8;
  options.lstm.num_layers = 2;
  options.lstm.cell_clip = 3;
  options.lstm.proj_clip = 3;
  options.lstm.use_skip_connections = true;
  options.char_cnn.activation = Activation::kRelu;
  options.char_cnn.filters = {{1, 4}, {2, 6}, {3, 10}};
  options.char_cnn.num_highway = 2;
  options.char_cnn.embedding_dim = 4;
  options.char_cnn.max_characters_per_token = 50;
  return options;
}

ModelOptions ReleasedOptions() {
  ModelOptions options = TinyOptions();
  options.lstm.dim = 4096;
  options.lstm.projection_dim = 512;
  options.char_cnn.filters = {{1, 32},  {2, 32},  {3, 64},  {4, 128},
                              {5, 256}, {6, 512}, {7, 1024}};
  options.char_cnn.embedding_dim = 16;
  return options;
}

std::string RandomToken(TestRandom* random) {
  if (random->OneIn(40)) return "";
  if (random->OneIn(40)) return random->OneIn(2) ? "<S>" : "</S>";
  if (random->OneIn(20)) return "\u0100\u20ac\U0001f600";
  const int64_t size =
      random->OneIn(15) ? random->Between(40, 60) : random->Between(1, 12);
  std::string token;
  for (int64_t i = 0; i < size; ++i) {
    token += static_cast<char>('!' + random->Below('~' - '!' + 1));
  }
  return token;
}

std::vector<std::string> RandomSentence(TestRandom* random,
                                        int64_t num_tokens) {
  std::vector<std::string> tokens;
  for (int64_t i = 0; i < num_tokens; ++i) {
    tokens.push_back(RandomToken(random));
  }
  return tokens;
}

}  // namespace elmo::testing
