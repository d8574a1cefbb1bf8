#include "server/reloader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace elmo::testing {
namespace {

TEST(ReloaderTest, RequestReturnsWhileALoadRuns) {
  std::atomic<bool> go_on{false};
  std::atomic<int> loads{0};
  Reloader reloader([&] {
    ++loads;
    while (!go_on) std::this_thread::yield();
  });
  EXPECT_FALSE(reloader.busy());
  reloader.Request();
  EXPECT_TRUE(reloader.busy());
  while (loads == 0) std::this_thread::yield();
  EXPECT_TRUE(reloader.busy());
  // One load for both: it begins after either.
  reloader.Request();
  reloader.Request();
  go_on = true;
  while (reloader.busy()) std::this_thread::yield();
  EXPECT_EQ(loads, 2);
}

TEST(ReloaderTest, EndsAfterTheLoadThatRunsAndBeginsNoOther) {
  std::atomic<bool> ended{false};
  std::atomic<int> loads{0};
  std::atomic<bool> go_on{false};
  std::thread other;
  {
    Reloader reloader([&] {
      ++loads;
      while (!go_on) std::this_thread::yield();
      ended = true;
    });
    reloader.Request();
    while (loads == 0) std::this_thread::yield();
    other = std::thread([&] { go_on = true; });
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(loads, 1);
  other.join();
}

TEST(ReloaderTest, NoRequestIsLostWhoeverMakesIt) {
  std::atomic<int> loads{0};
  Reloader reloader([&] { ++loads; });
  for (int round = 0; round < 100; ++round) {
    const int before = loads;
    std::thread one([&] { reloader.Request(); });
    std::thread two([&] { reloader.Request(); });
    one.join();
    two.join();
    while (reloader.busy()) std::this_thread::yield();
    EXPECT_GT(loads, before);
    EXPECT_LE(loads, before + 2);
  }
}

}  // namespace
}  // namespace elmo::testing
