#ifndef ELMO_CLIENT_CLI_VECTOR_WRITER_H_
#define ELMO_CLIENT_CLI_VECTOR_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/output_file.h"
#include "client/sentence_vectors.h"

namespace elmo::cli {

enum class OutputFormat { kJsonl, kNpy, kTsv };

// Which axes the vectors have, the same for all sentences.
struct VectorLayout {
  bool has_layers = false;  // The layers are apart, not mixed.
  std::vector<int> layers;  // Their numbers; none: 0, 1, 2, ...
  bool has_rows = true;     // A vector per token, not pooled.
  bool boundaries = false;  // First and last row are <S> and </S>.
};

// One sentence to write.
struct SentenceRecord {
  int64_t number = 0;  // From 0.
  std::string id;      // JSON; empty where the input gave none.
  const SentenceVectors& vectors;
};

// Writes sentences one after another, in a format. The output must outlive the
// writer. For one thread.
class VectorWriter {
 public:
  virtual ~VectorWriter() = default;
  virtual absl::Status Write(const SentenceRecord& record) = 0;
  // After the last sentence. The output is then complete, but not committed.
  virtual absl::Status Finish() { return absl::OkStatus(); }
};

// A JSON object a line: sentence, id (where given), tokens, offsets (where the
// server split the text), shape, vectors (nested as the shape says).
std::unique_ptr<VectorWriter> MakeJsonlWriter(OutputFile* output);

// A table with a header line; columns sentence (its id where it has one),
// layer (where layers are apart), token_index and token (where not pooled), and
// the numbers v0, v1, ... Tab, line end and backslash within a token are
// written \t, \n, \r, \\.
std::unique_ptr<VectorWriter> MakeTsvWriter(const VectorLayout& layout,
                                            OutputFile* output);

// One NPY 1.0 array of float32, all rows of all sentences one after another:
// [rows, dim], or [rows, layers, dim] where layers are apart; pooled, a row is
// a sentence. `index`, where
// not null, gets a JSON object a line: sentence, id, first row, rows, tokens,
// offsets. Where the output cannot be rewritten (a pipe), the rows wait in a
// temporary file for the header, which states their number.
std::unique_ptr<VectorWriter> MakeNpyWriter(const VectorLayout& layout,
                                            OutputFile* output,
                                            OutputFile* index);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_VECTOR_WRITER_H_
