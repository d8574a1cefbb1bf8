#ifndef ELMO_CORE_ENGINE_TOKEN_VECTORS_H_
#define ELMO_CORE_ENGINE_TOKEN_VECTORS_H_

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/base/matrix_view.h"
#include "core/engine/word_cache.h"
#include "core/layers/char_cnn.h"
#include "core/text/char_encoder.h"

namespace elmo {

// The token vectors (layer 0) of the words of one call: each distinct word is
// looked up in the cache or computed once.
//
// Thread-safe: calls may overlap with distinct tables.
class TokenVectors {
 public:
  // What one call works on; reused from call to call by one worker.
  class Table {
   public:
    // Forgets all words.
    void Clear();
    // The word's row in vectors(). `word` must outlive Fill().
    int64_t Add(std::string_view word, const CharEncoder& encoder);
    // [rows, padded_dim], after Fill().
    ConstMatrix vectors() const { return vectors_; }
    // Shares the work of Fill(), if not null; not owned.
    void set_team(Team* team) { scratch_.team = team; }

   private:
    friend class TokenVectors;
    std::unordered_map<std::string_view, int64_t> rows_;
    std::vector<std::string_view> words_;  // By row.
    std::vector<int64_t> missing_;         // Rows that the cache lacks.
    Matrix vectors_;
    ScratchMatrix storage_;
    ScratchMatrix computed_;
    ScratchBuffer<uint16_t> ids_;
    CharCnnScratch scratch_;
  };

  TokenVectors(const ModelOptions& options, const CharCnnWeights& weights,
               const CharEncoder& encoder, const Kernels& kernels,
               int64_t cache_bytes);

  const CharEncoder& encoder() const { return encoder_; }
  int64_t padded_dim() const { return char_cnn_.padded_dim(); }
  // Computes the vectors of all words added to `table`.
  void Fill(Table* table) const;
  WordCache::Stats cache_stats() const { return cache_.GetStats(); }

 private:
  // Words through the highway layers at a time: enough rows for the weights to
  // be read rarely, few enough to stay in cache.
  static constexpr int64_t kChunk = 64;

  void Compute(absl::Span<const int64_t> rows, Table* table) const;

  const CharEncoder encoder_;
  CharCnn char_cnn_;
  mutable WordCache cache_;
};

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_TOKEN_VECTORS_H_
