#include "server/logs/request_id.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace elmo {
namespace {

TEST(RequestIdTest, PrintableAsciiOfBoundedLengthIsTaken) {
  for (const std::string& id :
       {std::string("a"), std::string("7b3f-42.a_b/c:d"),
        std::string("\"quoted\"\\"), std::string(kMaxRequestIdBytes, '~')}) {
    EXPECT_TRUE(IsRequestId(id)) << id;
  }
}

TEST(RequestIdTest, AnythingElseIsNot) {
  for (const std::string& id :
       {std::string(), std::string(kMaxRequestIdBytes + 1, 'a'),
        std::string(10240, 'a'), std::string("a b"), std::string("a\nb"),
        std::string("a\rb"), std::string("a\tb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\xff\xfe"), std::string("h\xc3\xa9"),
        std::string("\x1b[2J")}) {
    EXPECT_FALSE(IsRequestId(id)) << id;
  }
}

TEST(RequestIdTest, NewOnesAreWellFormedAndDifferOnEveryThread) {
  constexpr int kThreads = 4;
  constexpr int kIds = 500;
  std::vector<std::vector<std::string>> made(kThreads);
  std::vector<std::thread> threads;
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < kIds; ++i) ids.push_back(NewRequestId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> distinct;
  for (const auto& ids : made) distinct.insert(ids.begin(), ids.end());
  EXPECT_EQ(distinct.size(), kThreads * kIds);
  for (const std::string& id : distinct) {
    EXPECT_EQ(id.size(), 32);
    EXPECT_TRUE(IsRequestId(id)) << id;
  }
}

}  // namespace
}  // namespace elmo
