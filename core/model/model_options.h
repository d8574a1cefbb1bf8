#ifndef ELMO_CORE_MODEL_MODEL_OPTIONS_H_
#define ELMO_CORE_MODEL_MODEL_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace elmo {

// The architecture of an ELMo model, as its options.json says it (the key names
// of AllenNLP and bilm-tf).
struct LstmOptions {
  int dim = 0;             // H: cells per layer and direction.
  int projection_dim = 0;  // P: width of token vectors and of LSTM outputs.
  int num_layers = 1;      // L, per direction.
  float cell_clip = 0;  // |c| is clipped to this after each step; 0: no clip.
  float proj_clip = 0;  // |h| is clipped to this after projecting; 0: none.
  bool use_skip_connections = false;  // out_l = h_l + in_l for layers l >= 1.
  // Not in options.json: whether the weights have projections at P == H too, as
  // AllenNLP expects. bilm-tf projects only where that narrows; else there is
  // no matrix and, as in TensorFlow's cell, no clip of h.
  bool square_projection = false;

  bool has_projection() const {
    return projection_dim < dim || square_projection;
  }
};

enum class Activation { kRelu, kTanh };

struct CharCnnOptions {
  struct Filter {
    int width = 0;  // Characters.
    int count = 0;  // Output channels.
  };
  Activation activation = Activation::kRelu;
  std::vector<Filter> filters;
  int num_highway = 0;
  int embedding_dim = 0;              // d: size of a character embedding.
  int max_characters_per_token = 50;  // M, with the two word marks.
  // Not in options.json: whether the weights have a projection at F == P too,
  // as AllenNLP expects. bilm-tf leaves it out.
  bool square_projection = false;

  // F: the sum of the filter counts, the width of the highway layers.
  int num_filters() const;
};

struct ModelOptions {
  LstmOptions lstm;
  CharCnnOptions char_cnn;

  int num_output_layers() const { return lstm.num_layers + 1; }
  int output_dim() const { return 2 * lstm.projection_dim; }
  bool has_char_projection() const {
    return char_cnn.num_filters() != lstm.projection_dim ||
           char_cnn.square_projection;
  }
  bool has_lstm_projection() const { return lstm.has_projection(); }
};

// Parses and checks the text of an options.json. INVALID_ARGUMENT names the
// key, its value and what is accepted. Training leftovers and unknown keys are
// ignored; `n_characters` may be 261 (training files) or 262.
absl::StatusOr<ModelOptions> ParseModelOptions(std::string_view json);

// The text of an options.json that parses to `options`.
std::string FormatModelOptions(const ModelOptions& options);

// Parameters in the model: the elements of all its weight tensors.
int64_t NumParameters(const ModelOptions& options);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_MODEL_OPTIONS_H_
