#include "tests/reference/reference_elmo.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace elmo::testing {
namespace {

using Row = std::vector<double>;

constexpr int kBeginSentence = 257;
constexpr int kEndSentence = 258;
constexpr int kBeginWord = 259;
constexpr int kEndWord = 260;
constexpr int kPadding = 261;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// x @ weight + bias. The inner loop goes along the weight's rows, as they lie
// in memory.
Row Affine(const Row& x, ConstMatrix weight, ConstMatrix bias) {
  Row y(weight.cols());
  for (int64_t c = 0; c < bias.cols(); ++c) y[c] = bias(0, c);
  for (int64_t r = 0; r < weight.rows(); ++r) {
    const float* row = weight.row(r);
    for (int64_t c = 0; c < weight.cols(); ++c) y[c] += x[r] * row[c];
  }
  return y;
}

// Clips all values to +-limit, 0 meaning no limit; returns how many it changed.
int64_t Clip(double limit, Row* values) {
  int64_t clipped = 0;
  for (double& value : *values) {
    if (limit == 0 || std::fabs(value) <= limit) continue;
    value = std::copysign(limit, value);
    ++clipped;
  }
  return clipped;
}

std::vector<int> Encode(const std::vector<int>& inside, int max_characters) {
  std::vector<int> ids = {kBeginWord};
  for (int id : inside) {
    if (static_cast<int>(ids.size()) < max_characters - 1) ids.push_back(id);
  }
  ids.push_back(kEndWord);
  ids.resize(max_characters, kPadding);
  return ids;
}

}  // namespace

std::vector<int> EncodePlainWord(const std::string& bytes, int max_characters) {
  std::vector<int> inside;
  for (unsigned char byte : bytes) inside.push_back(byte + 1);
  return Encode(inside, max_characters);
}

std::vector<int> EncodeWord(const std::string& bytes, int max_characters) {
  if (bytes == "<S>") return Encode({kBeginSentence}, max_characters);
  if (bytes == "</S>") return Encode({kEndSentence}, max_characters);
  return EncodePlainWord(bytes, max_characters);
}

ReferenceState ZeroState(const LstmOptions& options) {
  const size_t cells = 2 * options.num_layers;
  return {Rows(cells, Row(options.projection_dim)),
          Rows(cells, Row(options.dim))};
}

ReferenceState FromLstmState(const LstmState& state,
                             const LstmOptions& options) {
  ReferenceState result = ZeroState(options);
  for (size_t cell = 0; cell < result.h.size(); ++cell) {
    const size_t h_size = result.h[cell].size();
    const size_t c_size = result.c[cell].size();
    std::copy_n(state.h.begin() + cell * h_size, h_size,
                result.h[cell].begin());
    std::copy_n(state.c.begin() + cell * c_size, c_size,
                result.c[cell].begin());
  }
  return result;
}

// The convolution over every window of the word, then the maximum over the
// windows, then the activation.
Row ReferenceElmo::Convolve(const std::vector<int>& char_ids) const {
  const CharCnnWeights& cnn = weights_.char_cnn;
  const int64_t dim = options_.char_cnn.embedding_dim;
  const int64_t length = static_cast<int64_t>(char_ids.size());
  Row result;
  for (const ConvolutionWeights& filter : cnn.convolutions) {
    Row maximum(filter.weight.cols(), -INFINITY);
    for (int64_t p = 0; p + filter.width <= length; ++p) {
      Row window;
      for (int64_t k = 0; k < filter.width; ++k) {
        const float* character = cnn.embedding.row(char_ids[p + k] - 1);
        window.insert(window.end(), character, character + dim);
      }
      const Row y = Affine(window, filter.weight, filter.bias);
      for (size_t f = 0; f < y.size(); ++f) {
        maximum[f] = std::max(maximum[f], y[f]);
      }
    }
    for (double y : maximum) {
      const bool tanh = options_.char_cnn.activation == Activation::kTanh;
      result.push_back(tanh ? std::tanh(y) : std::max(y, 0.0));
    }
  }
  return result;
}

Row ReferenceElmo::TokenVector(const std::vector<int>& char_ids) const {
  const CharCnnWeights& cnn = weights_.char_cnn;
  Row e = Convolve(char_ids);
  for (const HighwayWeights& highway : cnn.highways) {
    const Row carry = Affine(e, highway.carry_weight, highway.carry_bias);
    const Row transform =
        Affine(e, highway.transform_weight, highway.transform_bias);
    for (size_t f = 0; f < e.size(); ++f) {
      const double g = Sigmoid(carry[f]);
      e[f] = g * std::max(transform[f], 0.0) + (1 - g) * e[f];
    }
  }
  if (cnn.projection.empty()) return e;
  return Affine(e, cnn.projection, cnn.projection_bias);
}

// One direction of one layer over one sentence, `inputs` in the order of its
// steps. Takes the start state in `h` and `c` and leaves the final state there.
// Adds to the counts of clipped values.
Rows ReferenceElmo::RunCell(const LstmCellWeights& weights, const Rows& inputs,
                            Row* h, Row* c, ReferenceResult* result) const {
  const size_t cells = options_.lstm.dim;
  Rows outputs;
  for (const Row& input : inputs) {
    Row in_and_h = input;
    in_and_h.insert(in_and_h.end(), h->begin(), h->end());
    const Row z = Affine(in_and_h, weights.weight, weights.bias);
    const double* i = &z[0];
    const double* j = &z[cells];
    const double* f = &z[2 * cells];
    const double* o = &z[3 * cells];
    for (size_t n = 0; n < cells; ++n) {
      (*c)[n] = Sigmoid(f[n] + 1) * (*c)[n] + Sigmoid(i[n]) * std::tanh(j[n]);
    }
    result->clipped_cells += Clip(options_.lstm.cell_clip, c);
    Row output(cells);
    for (size_t n = 0; n < cells; ++n) {
      output[n] = Sigmoid(o[n]) * std::tanh((*c)[n]);
    }
    *h = output;
    if (!weights.projection.empty()) {
      *h = Affine(output, weights.projection, ConstMatrix());
      // TensorFlow's LSTMCell clips what it projects, and nothing else.
      result->clipped_outputs += Clip(options_.lstm.proj_clip, h);
    }
    outputs.push_back(*h);
  }
  return outputs;
}

ReferenceResult ReferenceElmo::Run(const std::vector<std::string>& tokens,
                                   const ReferenceState& start) const {
  Rows words = {TokenVector(std::string("<S>"))};
  for (const std::string& token : tokens) words.push_back(TokenVector(token));
  words.push_back(TokenVector(std::string("</S>")));

  const int num_layers = options_.lstm.num_layers;
  ReferenceResult result;
  result.final_state = start;
  result.layers.assign(num_layers + 1, Rows(words.size()));
  for (int direction = 0; direction < 2; ++direction) {
    Rows inputs = words;
    if (direction == 1) std::reverse(inputs.begin(), inputs.end());
    for (int layer = 0; layer <= num_layers; ++layer) {
      if (layer > 0) {
        const size_t cell = direction * num_layers + layer - 1;
        const auto& stack = direction == 0 ? weights_.forward  //
                                           : weights_.backward;
        Rows outputs =
            RunCell(stack[layer - 1], inputs, &result.final_state.h[cell],
                    &result.final_state.c[cell], &result);
        const bool skip = options_.lstm.use_skip_connections && layer >= 2;
        for (size_t t = 0; skip && t < outputs.size(); ++t) {
          for (size_t n = 0; n < outputs[t].size(); ++n) {
            outputs[t][n] += inputs[t][n];
          }
        }
        inputs = outputs;
      }
      for (size_t t = 0; t < inputs.size(); ++t) {
        const size_t step = direction == 0 ? t : inputs.size() - 1 - t;
        Row& row = result.layers[layer][t];
        row.insert(row.end(), inputs[step].begin(), inputs[step].end());
      }
    }
  }
  const double steps = 2.0 * num_layers * static_cast<double>(words.size());
  result.clipped_cells /= steps * options_.lstm.dim;
  result.clipped_outputs /= steps * options_.lstm.projection_dim;
  return result;
}

}  // namespace elmo::testing
