#ifndef ELMO_CLIENT_SENTENCE_VECTORS_H_
#define ELMO_CLIENT_SENTENCE_VECTORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo {

// The vectors of one sentence, decoded.
struct SentenceVectors {
  // As the server gave it: [layers, rows, dim], without `layers` where the
  // layers were mixed, without `rows` where the rows were pooled.
  std::vector<int64_t> shape;
  // The same, 1 for a missing axis: layers * rows * dim == values.size().
  // rows: the tokens, 2 more with keep_boundaries; 0 for an empty sentence.
  int64_t layers = 1;
  int64_t rows = 1;
  int64_t dim = 0;
  // In C order.
  std::vector<float> values;
  // With return_tokens; without the boundaries.
  std::vector<v1::Token> tokens;

  // `dim` numbers. layer < layers and row < rows.
  const float* vector(int64_t layer, int64_t row) const {
    return values.data() + (layer * rows + row) * dim;
  }
};

// Decodes one sentence of an answer to a request for `sentence` with `output`.
// `encoding` is the answer's. INTERNAL, naming what disagrees, where shape,
// data, tokens and request do not fit together: the server's word is not
// trusted with our memory.
absl::StatusOr<SentenceVectors> DecodeSentence(
    const v1::SentenceEmbedding& embedding, v1::Encoding encoding,
    const v1::Sentence& sentence, const v1::OutputSpec& output);

}  // namespace elmo

#endif  // ELMO_CLIENT_SENTENCE_VECTORS_H_
