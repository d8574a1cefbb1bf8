#include "server/open_calls.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace elmo {
namespace {

TEST(OpenCallsTest, CountsThoseOfEachConnection) {
  OpenCalls calls;
  EXPECT_EQ(calls.Count("a"), 0);
  calls.Began("a");
  calls.Began("a");
  calls.Began("b");
  EXPECT_EQ(calls.Count("a"), 2);
  calls.Ended("a");
  EXPECT_EQ(calls.Count("a"), 1);
  EXPECT_EQ(calls.Count("b"), 1);
  calls.Ended("a");
  EXPECT_EQ(calls.Count("a"), 0);
}

TEST(OpenCallsTest, ManyThreadsBeginAndEndAndNoneIsLost) {
  OpenCalls calls;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&calls, own = std::to_string(i)] {
      calls.Began("kept");
      for (int call = 0; call < 1000; ++call) {
        calls.Began(own);
        calls.Began("shared");
        EXPECT_GE(calls.Count("shared"), 1);
        calls.Ended("shared");
        calls.Ended(own);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(calls.Count("kept"), 4);
  EXPECT_EQ(calls.Count("shared"), 0);
  EXPECT_EQ(calls.Count("2"), 0);
}

}  // namespace
}  // namespace elmo
