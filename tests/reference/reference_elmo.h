#ifndef ELMO_TESTS_REFERENCE_REFERENCE_ELMO_H_
#define ELMO_TESTS_REFERENCE_REFERENCE_ELMO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/output_spec.h"
#include "core/model/lstm_state.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"
#include "tests/testing/matrix_near.h"

namespace elmo::testing {

// One row per position; rows have equal length.
using Rows = std::vector<std::vector<double>>;

// The character ids of a word, M = max_characters_per_token of them: begin of
// word, its first M - 2 bytes + 1, end of word, padding.
std::vector<int> EncodePlainWord(const std::string& bytes, int max_characters);
// The same, except that the literal words <S> and </S> are the boundaries.
std::vector<int> EncodeWord(const std::string& bytes, int max_characters);

// (h, c) of every cell, in the order of LstmState, unrounded.
struct ReferenceState {
  Rows h;  // [cells][P]
  Rows c;  // [cells][H]
};
ReferenceState ZeroState(const LstmOptions& options);
ReferenceState FromLstmState(const LstmState& state,
                             const LstmOptions& options);

struct ReferenceResult {
  // [L + 1][tokens + 2][2P]: boundaries included.
  std::vector<Rows> layers;
  ReferenceState final_state;
  // How often the clips bit: shares of all c and all projected h.
  double clipped_cells = 0;
  double clipped_outputs = 0;
};

// ELMo written down as plainly as possible, in double precision: what the
// engine is judged by. It shares no code with it, character encoding included.
// Slow: nothing is skipped, tabulated or batched.
//
// Thread-compatible. `weights` are views: what they look at must outlive this.
class ReferenceElmo {
 public:
  ReferenceElmo(const ModelOptions& options, const ModelWeights& weights)
      : options_(options), weights_(weights) {}

  // The token vector (P values) of a word given by its character ids.
  std::vector<double> TokenVector(const std::vector<int>& char_ids) const;
  // The token vector of a word as it stands in a sentence.
  std::vector<double> TokenVector(const std::string& word) const {
    return TokenVector(
        EncodeWord(word, options_.char_cnn.max_characters_per_token));
  }

  // Runs one sentence, `tokens` being its words without boundaries.
  ReferenceResult Run(const std::vector<std::string>& tokens,
                      const ReferenceState& start) const;
  // From the zero state.
  ReferenceResult Run(const std::vector<std::string>& tokens) const {
    return Run(tokens, ZeroState(options_.lstm));
  }

 private:
  std::vector<double> Convolve(const std::vector<int>& char_ids) const;
  Rows RunCell(const LstmCellWeights& weights, const Rows& inputs,
               std::vector<double>* h, std::vector<double>* c,
               ReferenceResult* result) const;

  ModelOptions options_;
  ModelWeights weights_;
};

// What `spec` asks for, computed from a sentence's layers: the values of
// OutputShape(), in its order; the columns are the last dimension.
WantedMatrix ReferenceOutput(const ReferenceResult& result,
                             const OutputSpec& spec);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_REFERENCE_REFERENCE_ELMO_H_
