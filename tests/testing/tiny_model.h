#ifndef ELMO_TESTS_TESTING_TINY_MODEL_H_
#define ELMO_TESTS_TESTING_TINY_MODEL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/model/lstm_state.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"

namespace elmo::testing {

// Numbers that are the same on every platform and standard library: the
// sequence of mt19937_64 is fixed by the standard, the mappings are our own.
class TestRandom {
 public:
  explicit TestRandom(uint64_t seed) : engine_(seed) {}

  // In [-scale, scale).
  float Uniform(float scale) {
    return (static_cast<float>(engine_() >> 40) * 0x1p-23f - 1.0f) * scale;
  }
  // In [0, count), count at least 1.
  int64_t Below(int64_t count) {
    return static_cast<int64_t>(engine_() % static_cast<uint64_t>(count));
  }
  // In [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + Below(high - low + 1);
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

// A model in memory, with what a loaded package tells of it. Owns its weights.
// Thread-compatible.
class TinyModel {
 public:
  // Fills the rows * cols floats of one tensor. `name` is the name of the
  // dataset in a published weight file, such as "CNN_high_0/W_carry".
  using FillTensor = std::function<void(const std::string& name, int64_t rows,
                                        int64_t cols, float* values)>;

  // Asks `fill` for every tensor that a model of these options has, in a fixed
  // order.
  TinyModel(const ModelOptions& options, const FillTensor& fill);

  const std::string& name() const { return name_; }
  const std::string& checksum() const { return checksum_; }
  const ModelOptions& options() const { return options_; }
  const ModelWeights& weights() const { return weights_; }
  const std::optional<LstmState>& warm_state() const { return warm_state_; }

  void set_name(std::string name) { name_ = std::move(name); }
  void set_warm_state(LstmState state) { warm_state_ = std::move(state); }

 private:
  ConstMatrix Add(const FillTensor& fill, const std::string& name, int64_t rows,
                  int64_t cols);
  void AddCharCnn(const FillTensor& fill);
  LstmCellWeights AddCell(const FillTensor& fill, int direction, int layer);

  ModelOptions options_;
  std::deque<AlignedBuffer<float>> storage_;
  ModelWeights weights_;
  std::string name_ = "tiny";
  std::string checksum_ = std::string(64, '0');
  std::optional<LstmState> warm_state_;
};

// How wild a random model is. Every weight is uniform in +-gain *
// sqrt(3 / inputs of the layer), so that gain 1 hands unit variance on.
struct RandomModelScale {
  float char_cnn = 1;
  float highway = 1;
  float projection = 1;
  float lstm = 1;
  // Of the LSTM's projection, whose inputs are well below 1.
  float lstm_projection = 2;
  // Uniform in +-bias, all layers.
  float bias = 0.3f;
  // Added to the forget gates' bias: a long memory fills the cells, so that
  // they reach their clip without the large weights that would make the
  // recurrence chaotic and any comparison of roundings meaningless.
  float forget_bias = 0;
  // Changes every weight by up to +-noise * sqrt(inputs) * 2^-24 of itself,
  // without changing the random numbers. An f32 sum of k products is the exact
  // sum for weights changed by about sqrt(k) * 2^-24, so noise 1 does to the
  // results what rounding does: tolerances are derived from it.
  float noise = 0;
};

// A model with seeded random weights, the same on every platform.
std::unique_ptr<TinyModel> RandomModel(const ModelOptions& options,
                                       uint64_t seed,
                                       const RandomModelScale& scale = {});

// A state such as a sentence might leave: h uniform in +-h_scale, c in
// +-c_scale.
LstmState RandomState(const LstmOptions& options, uint64_t seed,
                      float h_scale = 1, float c_scale = 1);

// A small model that has everything the published ones have: two layers, two
// highways, clips at 3, skip connections, relu. H 32, P 8, F 20.
ModelOptions TinyOptions();

// The architecture of the largest published models: H 4096, P 512, F 2048.
ModelOptions ReleasedOptions();

// A pronounceable or an awkward word: one to 60 bytes, now and then empty, the
// literal <S>, or with bytes beyond ASCII.
std::string RandomToken(TestRandom* random);
std::vector<std::string> RandomSentence(TestRandom* random, int64_t num_tokens);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_TINY_MODEL_H_
