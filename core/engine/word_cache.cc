#include "core/engine/word_cache.h"

#include <cstring>
#include <functional>

namespace elmo {

WordCache::WordCache(int64_t capacity_bytes, int64_t dim)
    : shard_capacity_bytes_(capacity_bytes / static_cast<int64_t>(kShards)),
      dim_(dim) {}

WordCache::Shard& WordCache::ShardOf(std::string_view word) {
  return shards_[std::hash<std::string_view>()(word) % kShards];
}

int64_t WordCache::Charge(std::string_view word) const {
  // A list node and an index node with their pointers, beside the contents.
  constexpr int64_t kBookkeeping =
      sizeof(Entry) + sizeof(std::string_view) + 8 * sizeof(void*);
  return kBookkeeping + static_cast<int64_t>(word.size()) +
         dim_ * static_cast<int64_t>(sizeof(float));
}

bool WordCache::Lookup(std::string_view word, float* vector) {
  Shard& shard = ShardOf(word);
  MutexLock lock(&shard.mu);
  const auto found = shard.index.find(word);
  if (found == shard.index.end()) {
    ++shard.misses;
    return false;
  }
  ++shard.hits;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  std::memcpy(vector, found->second->vector.data(), dim_ * sizeof(float));
  return true;
}

void WordCache::Insert(std::string_view word, const float* vector) {
  const int64_t charge = Charge(word);
  if (charge > shard_capacity_bytes_) return;
  Shard& shard = ShardOf(word);
  MutexLock lock(&shard.mu);
  if (shard.index.count(word) > 0) return;  // Another worker was first.
  while (shard.bytes + charge > shard_capacity_bytes_) {
    const Entry& oldest = shard.entries.back();
    shard.bytes -= Charge(oldest.word);
    shard.index.erase(oldest.word);
    shard.entries.pop_back();
  }
  shard.entries.push_front(
      {std::string(word), std::vector<float>(vector, vector + dim_)});
  shard.index.emplace(shard.entries.front().word, shard.entries.begin());
  shard.bytes += charge;
}

WordCache::Stats WordCache::GetStats() const {
  Stats stats;
  for (const Shard& shard : shards_) {
    MutexLock lock(&shard.mu);
    stats.hits += shard.hits;
    stats.misses += shard.misses;
    stats.words += static_cast<int64_t>(shard.entries.size());
    stats.bytes += shard.bytes;
  }
  return stats;
}

}  // namespace elmo
