#include "core/engine/word_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace elmo {
namespace {

constexpr int64_t kDim = 4;
constexpr int64_t kMegabyte = 1 << 20;

std::vector<float> VectorOf(int64_t i) {
  const float x = static_cast<float>(i);
  return {x, x + 0.25f, -x, 1 / (x + 1)};
}

class WordCacheTest : public ::testing::Test {
 protected:
  void Insert(const std::string& word, int64_t i) {
    cache_.Insert(word, VectorOf(i).data());
  }
  // The cached vector; empty where the word is not there.
  std::vector<float> Lookup(const std::string& word) {
    std::vector<float> vector(kDim);
    if (!cache_.Lookup(word, vector.data())) vector.clear();
    return vector;
  }

  WordCache cache_{kMegabyte, kDim};
};

TEST_F(WordCacheTest, ReturnsWhatWasInsertedAndNothingElse) {
  Insert("bank", 1);
  EXPECT_EQ(Lookup("bank"), VectorOf(1));
  EXPECT_TRUE(Lookup("Bank").empty());
  EXPECT_TRUE(Lookup("").empty());
  const WordCache::Stats stats = cache_.GetStats();
  EXPECT_EQ(stats.hits, 1);
  EXPECT_EQ(stats.misses, 2);
  EXPECT_EQ(stats.words, 1);
}

TEST_F(WordCacheTest, TheEmptyWordAndWordsWithNulAreWords) {
  const std::string nul("a\0b", 3);
  Insert("", 2);
  Insert(nul, 3);
  EXPECT_EQ(Lookup(""), VectorOf(2));
  EXPECT_EQ(Lookup(nul), VectorOf(3));
  EXPECT_TRUE(Lookup("a").empty());
}

TEST_F(WordCacheTest, TheFirstVectorOfAWordStays) {
  Insert("bank", 1);
  Insert("bank", 2);
  EXPECT_EQ(Lookup("bank"), VectorOf(1));
  EXPECT_EQ(cache_.GetStats().words, 1);
}

TEST_F(WordCacheTest, KeepsWithinItsBytesHoweverManyWordsCome) {
  for (int64_t i = 0; i < 50000; ++i) {
    Insert(absl::StrCat("word", i), i);
    ASSERT_LE(cache_.GetStats().bytes, kMegabyte);
  }
  const WordCache::Stats stats = cache_.GetStats();
  // Full to the last entry or so of each of its shards.
  EXPECT_GT(stats.bytes, kMegabyte * 9 / 10);
  EXPECT_EQ(Lookup("word49999"), VectorOf(49999));
  EXPECT_TRUE(Lookup("word0").empty());
}

TEST_F(WordCacheTest, AWordThatIsUsedOutlivesThoseThatAreNot) {
  Insert("the", 7);
  for (int64_t i = 0; i < 50000; ++i) {
    Insert(absl::StrCat("word", i), i);
    ASSERT_EQ(Lookup("the"), VectorOf(7)) << "after " << i << " others";
  }
}

TEST(WordCacheSizeTest, ACacheOfNoBytesKeepsNothing) {
  WordCache cache(0, kDim);
  std::vector<float> vector = VectorOf(1);
  cache.Insert("bank", vector.data());
  EXPECT_FALSE(cache.Lookup("bank", vector.data()));
  EXPECT_EQ(cache.GetStats().bytes, 0);
}

TEST_F(WordCacheTest, ManyThreadsSeeWholeVectorsOfTheRightWord) {
  std::vector<std::thread> threads;
  std::vector<int64_t> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([this, t, &wrong] {
      for (int64_t n = 0; n < 20000; ++n) {
        // More words than fit, in another order on each thread.
        const int64_t i = (n * (2 * static_cast<int64_t>(t) + 3)) % 12000;
        const std::string word = absl::StrCat("word", i);
        const std::vector<float> found = Lookup(word);
        if (found.empty()) {
          Insert(word, i);
        } else if (found != VectorOf(i)) {
          ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int64_t>(4, 0));
  EXPECT_GT(cache_.GetStats().hits, 0);
}

}  // namespace
}  // namespace elmo
