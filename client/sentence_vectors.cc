#include "client/sentence_vectors.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/float_encoding.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

// Beyond any model; their product (two widths, rows) fits in an int64_t with
// room for 8 bytes a number.
constexpr int64_t kMaxWidth = int64_t{1} << 14;
constexpr int64_t kMaxRows = int64_t{1} << 31;

std::string ShapeText(const v1::SentenceEmbedding& embedding) {
  return absl::StrCat("shape [", absl::StrJoin(embedding.shape(), ", "), "]");
}

// Bytes of a number in `data`; 0 where the numbers are in `values`.
absl::StatusOr<int64_t> BytesPerNumber(v1::Encoding encoding) {
  switch (encoding) {
    case v1::FLOAT32:
      return 4;
    case v1::FLOAT16:
    case v1::BFLOAT16:
      return 2;
    case v1::FLOAT_LIST:
      return 0;
    default:
      return absl::InternalError(
          absl::StrCat("encoding ", static_cast<int>(encoding),
                       " is unknown; the server may be newer than the client"));
  }
}

// Fills in shape, layers, rows and dim, and returns how many numbers they make.
absl::StatusOr<int64_t> ReadShape(const v1::SentenceEmbedding& embedding,
                                  const v1::OutputSpec& output,
                                  SentenceVectors* vectors) {
  const bool pooled = output.pooling() != v1::OutputSpec::NONE;
  const int axes = 1 + (output.has_layers() ? 1 : 0) + (pooled ? 0 : 1);
  if (embedding.shape_size() != axes) {
    return absl::InternalError(absl::StrCat(
        ShapeText(embedding), " where ", axes, " dimensions were asked for"));
  }
  int64_t count = 1;
  for (int i = 0; i < axes; ++i) {
    const int64_t size = embedding.shape(i);
    // Rows alone may be none at all, and then nothing else limits the rest.
    const bool is_rows = !pooled && i == axes - 2;
    if (size < (is_rows ? 0 : 1) || size > (is_rows ? kMaxRows : kMaxWidth)) {
      return absl::InternalError(
          absl::StrCat(ShapeText(embedding), " is not possible"));
    }
    count *= size;
  }
  vectors->shape.assign(embedding.shape().begin(), embedding.shape().end());
  if (output.has_layers()) vectors->layers = vectors->shape.front();
  if (!pooled) vectors->rows = vectors->shape[axes - 2];
  vectors->dim = vectors->shape.back();
  return count;
}

absl::Status CheckRows(const SentenceVectors& vectors,
                       const v1::SentenceEmbedding& embedding,
                       const v1::Sentence& sentence,
                       const v1::OutputSpec& output) {
  const int asked_layers = output.layers().indices_size();
  if (asked_layers > 0 && vectors.layers != asked_layers) {
    return absl::InternalError(absl::StrCat(ShapeText(embedding), " where ",
                                            asked_layers,
                                            " layers were asked for"));
  }
  const bool tokens_sent = sentence.tokens_size() > 0;
  const int64_t tokens =
      tokens_sent ? sentence.tokens_size() : embedding.tokens_size();
  if (output.return_tokens() && embedding.tokens_size() != tokens) {
    return absl::InternalError(
        absl::StrCat(embedding.tokens_size(), " tokens came back of ", tokens));
  }
  if (output.pooling() != v1::OutputSpec::NONE) return absl::OkStatus();
  if (!tokens_sent && !output.return_tokens()) return absl::OkStatus();
  const int64_t rows = tokens + (output.keep_boundaries() ? 2 : 0);
  // An empty sentence may have no boundaries either.
  if (vectors.rows != rows && !(tokens == 0 && vectors.rows == 0)) {
    return absl::InternalError(absl::StrCat(ShapeText(embedding), " where ",
                                            rows, " rows were expected"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> ReadValues(
    const v1::SentenceEmbedding& embedding, v1::Encoding encoding,
    int64_t count) {
  ELMO_ASSIGN_OR_RETURN(const int64_t width, BytesPerNumber(encoding));
  const int64_t got = width == 0
                          ? embedding.values_size()
                          : static_cast<int64_t>(embedding.data().size());
  const int64_t want = width == 0 ? count : count * width;
  if (got != want) {
    return absl::InternalError(absl::StrCat(
        ShapeText(embedding), " needs ", want,
        width == 0 ? " values" : " bytes of data", "; ", got, " came"));
  }
  switch (encoding) {
    case v1::FLOAT32:
      return FloatsFromFloat32(embedding.data());
    case v1::FLOAT16:
      return FloatsFromFloat16(embedding.data());
    case v1::BFLOAT16:
      return FloatsFromBfloat16(embedding.data());
    default:
      return std::vector<float>(embedding.values().begin(),
                                embedding.values().end());
  }
}

}  // namespace

absl::StatusOr<SentenceVectors> DecodeSentence(
    const v1::SentenceEmbedding& embedding, v1::Encoding encoding,
    const v1::Sentence& sentence, const v1::OutputSpec& output) {
  SentenceVectors vectors;
  ELMO_ASSIGN_OR_RETURN(const int64_t count,
                        ReadShape(embedding, output, &vectors));
  ELMO_RETURN_IF_ERROR(CheckRows(vectors, embedding, sentence, output));
  ELMO_ASSIGN_OR_RETURN(vectors.values, ReadValues(embedding, encoding, count));
  vectors.tokens.assign(embedding.tokens().begin(), embedding.tokens().end());
  return vectors;
}

}  // namespace elmo
