#ifndef ELMO_CORE_ENGINE_WORD_CACHE_H_
#define ELMO_CORE_ENGINE_WORD_CACHE_H_

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"

namespace elmo {

// Token vectors of words seen lately: a sharded LRU measured in bytes. The key
// is the exact bytes that decide a word's vector, so a hit gives the same bits
// as computing it again.
//
// Thread-safe.
class WordCache {
 public:
  // `capacity_bytes` bounds keys, vectors and bookkeeping together; 0 keeps
  // nothing. `dim`: floats a vector.
  WordCache(int64_t capacity_bytes, int64_t dim);

  // Copies the word's vector to `vector` and returns true, or returns false.
  bool Lookup(std::string_view word, float* vector);
  // Keeps a copy; drops the words not used for longest to make room.
  void Insert(std::string_view word, const float* vector);

  struct Stats {
    int64_t hits = 0;
    int64_t misses = 0;
    int64_t words = 0;
    int64_t bytes = 0;
  };
  Stats GetStats() const;

 private:
  struct Entry {
    std::string word;
    std::vector<float> vector;
  };
  struct Shard {
    mutable Mutex mu;
    // Most recently used first.
    std::list<Entry> entries ABSL_GUARDED_BY(mu);
    // Keys point into `entries`.
    std::unordered_map<std::string_view, std::list<Entry>::iterator> index
        ABSL_GUARDED_BY(mu);
    int64_t hits ABSL_GUARDED_BY(mu) = 0;
    int64_t misses ABSL_GUARDED_BY(mu) = 0;
    int64_t bytes ABSL_GUARDED_BY(mu) = 0;
  };
  // Few workers meet in one of 16, and each holds it for one copy.
  static constexpr size_t kShards = 16;

  Shard& ShardOf(std::string_view word);
  int64_t Charge(std::string_view word) const;

  const int64_t shard_capacity_bytes_;
  const int64_t dim_;
  std::array<Shard, kShards> shards_;
};

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_WORD_CACHE_H_
