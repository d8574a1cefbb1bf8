#include "core/base/team.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace elmo {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Pair;

// Threads that help `team` from here to the end.
class Helpers {
 public:
  Helpers(Team* team, int count) : team_(team) {
    team->Open();
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([team] { team->Help(); });
    }
  }
  ~Helpers() {
    team_->Close();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  Team* const team_;
  std::vector<std::thread> threads_;
};

// Splits until each of so many helpers has taken a part.
void WaitForHelpers(Team* team, int count) {
  std::vector<std::atomic<bool>> seen(count + 1);
  for (int missing = count; missing > 0;) {
    team->ParallelFor(count + 1, [&](int member, int64_t, int64_t) {
      seen[member] = true;
      if (member == 0) std::this_thread::yield();
    });
    missing = 0;
    for (int i = 1; i <= count; ++i) missing += !seen[i];
  }
}

TEST(TeamTest, LeaderWithoutHelpersComputesAllAtOnce) {
  Team team(3);
  team.Open();
  std::vector<std::pair<int64_t, int64_t>> parts;
  team.ParallelFor(10, [&](int member, int64_t begin, int64_t end) {
    EXPECT_EQ(member, 0);
    parts.emplace_back(begin, end);
  });
  EXPECT_THAT(parts, ElementsAre(Pair(0, 10)));
  EXPECT_FALSE(team.TakeHelped());
  ParallelFor(nullptr, 3, [&](int member, int64_t begin, int64_t end) {
    parts.emplace_back(begin, end);
  });
  EXPECT_THAT(parts, ElementsAre(Pair(0, 10), Pair(0, 3)));
}

TEST(TeamTest, EveryItemIsComputedOnceWhoeverHelps) {
  for (int count : {1, 2, 5}) {
    Team team(count);
    const Helpers helpers(&team, count);
    std::vector<int> items(100);  // Not atomic: TSan sees parts that overlap.
    for (int round = 1; round <= 1000; ++round) {
      const int64_t n = round % 101;
      team.ParallelFor(n, [&](int, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++items[i];
      });
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(items[i], 1) << n;
      std::fill(items.begin(), items.end(), 0);
    }
  }
}

TEST(TeamTest, PartsAtATimeHaveDifferentMembers) {
  Team team(3);
  const Helpers helpers(&team, 3);
  ASSERT_EQ(team.max_members(), 4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<int> shared{0};
  for (int round = 0; round < 2000; ++round) {
    team.ParallelFor(4, [&](int member, int64_t, int64_t) {
      if (++inside[member] > 1) ++shared;
      --inside[member];
    });
  }
  EXPECT_EQ(shared, 0);
}

TEST(TeamTest, HelpersTakeTheirShare) {
  Team team(2);
  const Helpers helpers(&team, 2);
  WaitForHelpers(&team, 2);
  EXPECT_TRUE(team.TakeHelped());
  EXPECT_FALSE(team.TakeHelped());
}

// As one that lost its CPU to another process.
TEST(TeamTest, LeaderDoesWithoutAHelperThatHoldsItUp) {
  Team team(1);
  const Helpers helpers(&team, 1);
  WaitForHelpers(&team, 1);
  using Clock = std::chrono::steady_clock;
  // The helper takes three times as long as the leader, and some.
  const auto stall = [&] {
    for (bool helped = false; !helped;) {
      std::atomic<bool> begun{false};
      std::atomic<Clock::duration> leaders{Clock::duration::zero()};
      team.ParallelFor(2, [&](int member, int64_t, int64_t) {
        const Clock::time_point start = Clock::now();
        if (member == 1) {
          begun = helped = true;
          while (leaders.load() == Clock::duration::zero()) {
          }
          const auto end =
              Clock::now() + 2 * leaders.load() + std::chrono::milliseconds(5);
          while (Clock::now() < end) {
          }
          return;
        }
        // Until the helper has its part.
        for (int i = 0; i < 10000 && !begun; ++i) std::this_thread::yield();
        leaders = Clock::now() - start;
      });
    }
  };
  // Splits that the leader then does alone.
  const auto alone = [&] {
    int splits = 0;
    for (int parts = 1; parts == 1; ++splits) {
      parts = 0;
      std::atomic<int> count{0};
      team.ParallelFor(2, [&](int, int64_t, int64_t) { ++count; });
      parts = count;
    }
    return splits - 1;
  };
  // Where the leader lost its own CPU meanwhile, it was not held up.
  int first = 0;
  while (first == 0) {
    stall();
    first = alone();
  }
  EXPECT_GE(first, 16);
  int longer = 0;
  while (longer <= first) {  // Would never end if it did not grow.
    stall();
    longer = alone();
  }
}

TEST(TeamTest, HelperComesAndGoesInMidRun) {
  Team team(1);
  for (int round = 0; round < 20; ++round) {
    {
      const Helpers helpers(&team, 1);
      WaitForHelpers(&team, 1);
    }
    // It has gone, though nobody split anything in between.
    int parts = 0;
    team.ParallelFor(2, [&](int, int64_t, int64_t) { ++parts; });
    EXPECT_EQ(parts, 1);
  }
}

TEST(TeamTest, HelpReturnsAtOnceWhereThereIsNoRoomOrTheTeamIsClosed) {
  Team closed(1);
  closed.Help();
  Team lonely(0);
  lonely.Open();
  lonely.Help();
  int parts = 0;
  lonely.ParallelFor(5, [&](int, int64_t, int64_t) { ++parts; });
  EXPECT_EQ(parts, 1);
}

// Anybody may close a team, while the leader splits and helpers come and go.
TEST(TeamTest, OpeningClosingAndHelpingRaceWithTheLeader) {
  Team team(2);
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {  // One more than there is room for.
    threads.emplace_back([&] {
      while (!done) team.Help();
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      team.Open();
      std::this_thread::yield();
      team.Close();
    }
    team.Close();
  });
  std::vector<int> items(64);
  for (int round = 1; round <= 3000; ++round) {
    team.ParallelFor(64, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++items[i];
    });
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(items, Each(3000));
}

}  // namespace
}  // namespace elmo
