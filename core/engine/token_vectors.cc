#include "core/engine/token_vectors.h"

#include <algorithm>
#include <cstring>

namespace elmo {

static_assert(CharCnn::kPaddingId == CharId::kPadding);
static_assert(CharCnn::kNumIds == CharId::kCount);

void TokenVectors::Table::Clear() {
  rows_.clear();
  words_.clear();
}

int64_t TokenVectors::Table::Add(std::string_view word,
                                 const CharEncoder& encoder) {
  const std::string_view key = encoder.Key(word);
  const auto [found, added] =
      rows_.emplace(key, static_cast<int64_t>(words_.size()));
  if (added) words_.push_back(key);
  return found->second;
}

TokenVectors::TokenVectors(const ModelOptions& options,
                           const CharCnnWeights& weights,
                           const CharEncoder& encoder, const Kernels& kernels,
                           int64_t cache_bytes)
    : encoder_(encoder),
      char_cnn_(options, weights, kernels),
      cache_(cache_bytes, char_cnn_.padded_dim()) {}

void TokenVectors::Fill(Table* table) const {
  const int64_t words = static_cast<int64_t>(table->words_.size());
  table->vectors_ = table->storage_.Get(words, padded_dim());
  table->missing_.clear();
  for (int64_t row = 0; row < words; ++row) {
    if (!cache_.Lookup(table->words_[row], table->vectors_.row(row))) {
      table->missing_.push_back(row);
    }
  }
  const absl::Span<const int64_t> missing = table->missing_;
  for (size_t first = 0; first < missing.size(); first += kChunk) {
    Compute(missing.subspan(first, kChunk), table);
  }
}

void TokenVectors::Compute(absl::Span<const int64_t> rows, Table* table) const {
  const int64_t count = static_cast<int64_t>(rows.size());
  const int64_t length = encoder_.max_characters_per_token();
  uint16_t* ids = table->ids_.Get(count * length);
  for (int64_t i = 0; i < count; ++i) {
    encoder_.Encode(table->words_[rows[i]],
                    absl::MakeSpan(ids + i * length, length));
  }
  const Matrix computed = table->computed_.Get(count, padded_dim());
  char_cnn_.Run(MatrixView<const uint16_t>(ids, count, length),
                &table->scratch_, computed);
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(table->vectors_.row(rows[i]), computed.row(i),
                padded_dim() * sizeof(float));
    cache_.Insert(table->words_[rows[i]], computed.row(i));
  }
}

}  // namespace elmo
