#ifndef ELMO_TESTS_CORE_MODEL_RANDOM_MODEL_H_
#define ELMO_TESTS_CORE_MODEL_RANDOM_MODEL_H_

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/model/lstm_state.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"
#include "core/model/package_writer.h"
#include "core/model/weight_layout.h"

namespace elmo::testing {

// A small model with every optional tensor.
inline ModelOptions SmallOptions() {
  ModelOptions options;
  options.lstm = {/*dim=*/6,          /*projection_dim=*/4,
                  /*num_layers=*/2,   /*cell_clip=*/3,
                  /*proj_clip=*/2.5f, /*use_skip_connections=*/true};
  options.char_cnn.filters = {{1, 2}, {3, 5}};
  options.char_cnn.num_highway = 1;
  options.char_cnn.embedding_dim = 3;
  return options;
}

struct NamedOptions {
  std::string name;
  ModelOptions options;
};

// Every layout that published files have: 1 to 8 layers, 0 to 3 highways, with
// and without the two projections, skip connections, clips, both activations.
inline std::vector<NamedOptions> AllLayouts() {
  std::vector<NamedOptions> all;
  for (int layers = 1; layers <= 8; ++layers) {
    all.push_back({"Layers" + std::to_string(layers), SmallOptions()});
    all.back().options.lstm.num_layers = layers;
  }
  for (int highways : {0, 2, 3}) {
    all.push_back({"Highways" + std::to_string(highways), SmallOptions()});
    all.back().options.char_cnn.num_highway = highways;
  }
  all.push_back({"NoLstmProjection", SmallOptions()});
  all.back().options.lstm.dim = 4;
  all.push_back({"NoCharProjection", SmallOptions()});
  all.back().options.char_cnn.filters = {{1, 1}, {2, 3}};
  all.push_back({"NoProjectionAtAll", SmallOptions()});
  all.back().options.lstm.dim = 4;
  all.back().options.char_cnn.filters = {{50, 4}};
  all.push_back({"SquareProjections", all.back().options});
  all.back().options.lstm.square_projection = true;
  all.back().options.char_cnn.square_projection = true;
  all.push_back({"TanhWithoutSkipAndClips", SmallOptions()});
  all.back().options.char_cnn.activation = Activation::kTanh;
  all.back().options.lstm.use_skip_connections = false;
  all.back().options.lstm.cell_clip = 0;
  all.back().options.lstm.proj_clip = 0;
  return all;
}

// Normally distributed weights and state; the same for the same seed.
struct RandomModel {
  explicit RandomModel(const ModelOptions& model_options, int seed = 1)
      : options(model_options),
        layout(options),
        buffer(layout.buffer_size()),
        warm_state(LstmState::Zero(options.lstm)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (const WeightTensor& tensor : layout.tensors()) {
      for (size_t i = 0; i < tensor.size(); ++i) {
        buffer[tensor.offset + i] = normal(random);
      }
    }
    for (float& value : warm_state.h) value = normal(random);
    for (float& value : warm_state.c) value = normal(random);
  }

  ModelWeights weights() const { return layout.View(buffer.data()); }

  PackageContents Contents() const {
    PackageContents contents;
    contents.name = "random";
    contents.options_json = FormatModelOptions(options);
    contents.weights = weights();
    return contents;
  }

  const ModelOptions options;
  const WeightLayout layout;
  std::vector<float> buffer;
  LstmState warm_state;
};

// Whether all weights are the same, bit for bit. Both must fit `layout`.
inline bool SameBits(const WeightLayout& layout, const ModelWeights& a,
                     const ModelWeights& b) {
  const auto list_a = layout.List(a);
  const auto list_b = layout.List(b);
  if (!list_a.ok() || !list_b.ok()) return false;
  for (size_t i = 0; i < list_a->size(); ++i) {
    if (std::memcmp((*list_a)[i].data(), (*list_b)[i].data(),
                    (*list_a)[i].size() * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CORE_MODEL_RANDOM_MODEL_H_
