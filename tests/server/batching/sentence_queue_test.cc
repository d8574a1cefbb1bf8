#include "server/batching/sentence_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "tests/server/batching/recording_owner.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Duration kLong = std::chrono::hours(1);
constexpr milliseconds kNever = std::chrono::hours(1000);
const TimePoint kNow = TimePoint() + std::chrono::hours(1);

using Owner = std::shared_ptr<RecordingOwner>;

// An owner of one sentence of `num_tokens` words, which costs 2 more.
Owner OwnerOf(int num_tokens) {
  return std::make_shared<RecordingOwner>(std::vector<std::vector<std::string>>{
      std::vector<std::string>(num_tokens, "w")});
}

class SentenceQueueTest : public ::testing::Test {
 protected:
  // Each step of a batch takes 1 ms, each token 1 ms: a sentence of n steps
  // costs 2 n ms alone, and n + n / 64 ms of a batch of 64, which 2048 tokens
  // allow it up to n = 32.
  SentenceQueueTest() {
    const BatchCost cost({10, 10, milliseconds(20)},
                         {10, 160, milliseconds(170)});
    model_ = *BatchModel::Create(&engine_, /*workers=*/1, cost);
  }

  // A client's sentence of `steps` steps.
  Owner PushFor(SentenceQueue* queue, ClientId client, int steps,
                Duration time_left) {
    Owner owner = OwnerOf(steps - 2);
    auto tasks =
        RecordingOwner::Tasks(owner, kNow + time_left, client, model_.get());
    EXPECT_THAT(queue->Push(&tasks, kNow), IsOk());
    return owner;
  }

  // One sentence of the client runs, however long it is.
  void RunFor(SentenceQueue* queue, ClientId client, int steps) {
    const Owner owner = OwnerOf(steps - 2);
    auto tasks = RecordingOwner::Tasks(owner, kNow + milliseconds(1), client,
                                       model_.get());
    queue->PushAlways(&tasks, kNow);
    EXPECT_THAT(Clients(queue->PopBatch(kNow).batch), ElementsAre(client));
  }

  static std::vector<ClientId> Clients(const std::vector<SentenceTask>& tasks) {
    std::vector<ClientId> clients;
    for (const SentenceTask& task : tasks) clients.push_back(task.client);
    return clients;
  }

  FakeEngine engine_;
  std::unique_ptr<BatchModel> model_;

  // Pushes an owner's sentences; the owner is named by its address below.
  Owner Push(SentenceQueue* queue, int num_tokens, milliseconds time_left) {
    Owner owner = OwnerOf(num_tokens);
    auto tasks = RecordingOwner::Tasks(owner, kNow + time_left);
    EXPECT_THAT(queue->Push(&tasks, kNow), IsOk());
    EXPECT_THAT(tasks, IsEmpty());
    return owner;
  }

  static std::vector<TaskOwner*> Owners(
      const std::vector<SentenceTask>& tasks) {
    std::vector<TaskOwner*> owners;
    for (const SentenceTask& task : tasks) owners.push_back(task.owner.get());
    return owners;
  }
};

TEST_F(SentenceQueueTest, EarliestDeadlineComesFirst) {
  SentenceQueue queue({});
  const Owner late = Push(&queue, 1, milliseconds(30));
  const Owner soon = Push(&queue, 1, milliseconds(10));
  const Owner middle = Push(&queue, 1, milliseconds(20));
  EXPECT_THAT(Owners(queue.PopBatch(kNow).batch),
              ElementsAre(soon.get(), middle.get(), late.get()));
}

TEST_F(SentenceQueueTest, EqualDeadlinesKeepTheOrderOfArrival) {
  SentenceQueue queue({});
  const Owner first = Push(&queue, 1, milliseconds(10));
  const Owner second = Push(&queue, 1, milliseconds(10));
  const Owner third = Push(&queue, 1, milliseconds(10));
  EXPECT_THAT(Owners(queue.PopBatch(kNow).batch),
              ElementsAre(first.get(), second.get(), third.get()));
}

TEST_F(SentenceQueueTest, MostUrgentSentenceIsAlwaysInNextBatch) {
  SentenceQueue::Options options;
  options.max_batch_rows = 2;
  SentenceQueue queue(options);
  for (int i = 0; i < 10; ++i) Push(&queue, 1, milliseconds(20));
  const Owner urgent = Push(&queue, 400, milliseconds(10));
  EXPECT_EQ(Owners(queue.PopBatch(kNow).batch).front(), urgent.get());
}

TEST_F(SentenceQueueTest, BatchKeepsToItsRows) {
  SentenceQueue::Options options;
  options.max_batch_rows = 3;
  SentenceQueue queue(options);
  for (int i = 0; i < 4; ++i) Push(&queue, 1, milliseconds(10));
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(3));
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(1));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SentenceQueueTest, BatchKeepsToItsTokensBoundariesIncluded) {
  SentenceQueue::Options options;
  options.max_batch_tokens = 12;
  SentenceQueue queue(options);
  for (int i = 0; i < 3; ++i) Push(&queue, 4, milliseconds(10));  // 6 each
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(2));
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(1));
}

TEST_F(SentenceQueueTest, OversizedSentenceRunsAlone) {
  SentenceQueue::Options options;
  options.max_batch_tokens = 12;
  SentenceQueue queue(options);
  Push(&queue, 1, milliseconds(10));
  const Owner oversized = Push(&queue, 100, milliseconds(20));
  Push(&queue, 1, milliseconds(30));
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(1));
  EXPECT_THAT(Owners(queue.PopBatch(kNow).batch), ElementsAre(oversized.get()));
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(1));
}

TEST_F(SentenceQueueTest, FreeWorkersShareWhatWaits) {
  SentenceQueue queue({});
  for (int i = 0; i < 8; ++i) Push(&queue, 3, milliseconds(10));
  EXPECT_THAT(queue.PopBatch(kNow, /*free_workers=*/4).batch, SizeIs(2));
  EXPECT_THAT(queue.PopBatch(kNow, /*free_workers=*/3).batch, SizeIs(2));
  EXPECT_THAT(queue.PopBatch(kNow, /*free_workers=*/1).batch, SizeIs(4));
}

TEST_F(SentenceQueueTest, OneSentenceGoesToOneOfManyFreeWorkers) {
  SentenceQueue queue({});
  Push(&queue, 3, milliseconds(10));
  EXPECT_THAT(queue.PopBatch(kNow, /*free_workers=*/8).batch, SizeIs(1));
}

TEST_F(SentenceQueueTest, ExpiredSentenceIsReturnedNotRun) {
  SentenceQueue queue({});
  Push(&queue, 3, milliseconds(5));
  const SentenceQueue::Next next = queue.PopBatch(kNow + milliseconds(5));
  EXPECT_THAT(next.batch, IsEmpty());
  EXPECT_THAT(next.expired, SizeIs(1));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SentenceQueueTest, SentenceRunsUntilJustBeforeItsDeadline) {
  SentenceQueue queue({});
  Push(&queue, 3, milliseconds(5));
  EXPECT_THAT(queue.PopBatch(kNow + milliseconds(4)).batch, SizeIs(1));
}

TEST_F(SentenceQueueTest, CancelledSentenceIsReturnedNotRun) {
  SentenceQueue queue({});
  const Owner gone = Push(&queue, 3, milliseconds(5));
  const Owner waiting = Push(&queue, 3, milliseconds(9));
  gone->Cancel();
  const SentenceQueue::Next next = queue.PopBatch(kNow);
  EXPECT_THAT(Owners(next.batch), ElementsAre(waiting.get()));
  EXPECT_THAT(Owners(next.cancelled), ElementsAre(gone.get()));
  EXPECT_THAT(next.expired, IsEmpty());
}

TEST_F(SentenceQueueTest, FullQueueRefusesAndLeavesTasksWithCaller) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 10;
  SentenceQueue queue(options);
  Push(&queue, 6, milliseconds(10));  // 8
  const Owner owner = OwnerOf(1);     // 3
  auto tasks = RecordingOwner::Tasks(owner, kNow + milliseconds(10));
  EXPECT_THAT(queue.Push(&tasks, kNow),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("8 tokens wait"), HasSubstr("adds 3"),
                             HasSubstr("limit is 10"))));
  EXPECT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(queue.queued_tokens(), 8);
  EXPECT_EQ(tasks[0].input.tokens.size(), 1u);
}

TEST_F(SentenceQueueTest, QueueFillsToItsLastToken) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 10;
  SentenceQueue queue(options);
  PushFor(&queue, 1, 8, milliseconds(10));
  PushFor(&queue, 2, 2, milliseconds(10));
  EXPECT_EQ(queue.queued_tokens(), 10);
}

TEST_F(SentenceQueueTest, FloodsLeaveRoomForWhoComesNext) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 1000;
  SentenceQueue queue(options);
  const auto flood = [&](ClientId client) {
    for (;;) {
      const Owner owner = OwnerOf(8);
      auto tasks =
          RecordingOwner::Tasks(owner, kNow + kLong, client, model_.get());
      const absl::Status status = queue.Push(&tasks, kNow);
      if (status.ok()) continue;
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                   HasSubstr("the connection's share")));
      return queue.queued_tokens();
    }
  };
  EXPECT_EQ(flood(1), 750);
  // Three quarters of what is left.
  EXPECT_EQ(flood(2), 930);
  PushFor(&queue, 3, 20, milliseconds(10));
}

TEST_F(SentenceQueueTest, RequestIsTakenWholeOrNotAtAll) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 7;
  SentenceQueue queue(options);
  const auto owner = std::make_shared<RecordingOwner>(
      std::vector<std::vector<std::string>>{{"a", "b"}, {"c", "d"}});
  auto tasks = RecordingOwner::Tasks(owner);
  EXPECT_THAT(queue.Push(&tasks, kNow),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("adds 8")));
  EXPECT_THAT(tasks, SizeIs(2));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SentenceQueueTest, PoppingMakesRoom) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 3;
  SentenceQueue queue(options);
  for (int i = 0; i < 5; ++i) {
    Push(&queue, 1, milliseconds(10));
    EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(1));
  }
  EXPECT_EQ(queue.queued_tokens(), 0);
}

TEST_F(SentenceQueueTest, WhatNobodyWaitsForDoesNotKeepOthersOut) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 24;
  SentenceQueue queue(options);
  const Owner cancelled = Push(&queue, 6, milliseconds(90));
  const Owner expired = Push(&queue, 6, milliseconds(-1));
  cancelled->Cancel();
  const Owner fresh = Push(&queue, 14, milliseconds(50));
  const SentenceQueue::Next next = queue.PopBatch(kNow);
  EXPECT_THAT(Owners(next.batch), ElementsAre(fresh.get()));
  EXPECT_THAT(Owners(next.cancelled), ElementsAre(cancelled.get()));
  EXPECT_THAT(Owners(next.expired), ElementsAre(expired.get()));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SentenceQueueTest, QueueWithOnlyRemovedWorkIsNotEmpty) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 8;
  SentenceQueue queue(options);
  Push(&queue, 6, milliseconds(10))->Cancel();
  const Owner owner = OwnerOf(7);  // Never fits, but makes the queue look.
  auto tasks = RecordingOwner::Tasks(owner);
  EXPECT_THAT(queue.Push(&tasks, kNow),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("full")));
  EXPECT_FALSE(queue.empty());
  EXPECT_THAT(queue.PopBatch(kNow).cancelled, SizeIs(1));
  EXPECT_TRUE(queue.empty());
}

SentenceQueue::Options Rows(int rows) {
  SentenceQueue::Options options;
  options.max_batch_rows = rows;
  return options;
}

TEST_F(SentenceQueueTest, FloodOfOneClientDoesNotDelayAnother) {
  SentenceQueue queue(Rows(1));
  // Some time ago it took more than its share.
  for (int i = 0; i < 400; ++i) PushFor(&queue, 1, 10, milliseconds(1000));
  for (int i = 0; i < 100; ++i) queue.PopBatch(kNow);
  // The flood's deadlines are earlier, and it came first.
  for (int i = 0; i < 3; ++i) PushFor(&queue, 2, 10, milliseconds(9000));
  for (int i = 0; i < 30; ++i) queue.PopBatch(kNow);
  PushFor(&queue, 3, 10, milliseconds(9000));
  std::vector<ClientId> order;
  for (int i = 0; i < 60; ++i) {
    order.push_back(queue.PopBatch(kNow).batch.at(0).client);
  }
  EXPECT_THAT(order, ::testing::Contains(3));
}

TEST_F(SentenceQueueTest, WorkersAreSharedEvenlyWhateverTheLengths) {
  SentenceQueue queue(Rows(1));
  for (int i = 0; i < 600; ++i) PushFor(&queue, 1, 10, milliseconds(5000));
  for (int i = 0; i < 60; ++i) PushFor(&queue, 2, 100, milliseconds(5000));
  int64_t steps[3] = {};
  for (int i = 0; i < 300; ++i) {
    const auto next = queue.PopBatch(kNow);
    steps[next.batch.at(0).client] += next.batch.at(0).steps();
  }
  // Neither is ahead by more than kAhead and one sentence: 250 ms at 2 ms a
  // step in batches of one, and 100 steps.
  EXPECT_LE(std::abs(steps[1] - steps[2]), 125 + 100);
  EXPECT_GT(steps[1], 1000);
}

TEST_F(SentenceQueueTest, AmongEqualsTheDeadlineDecidesNotTheClient) {
  SentenceQueue queue({});
  PushFor(&queue, 1, 10, milliseconds(300));
  PushFor(&queue, 2, 10, milliseconds(100));
  PushFor(&queue, 1, 10, milliseconds(200));
  EXPECT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(2, 1, 1));
}

TEST_F(SentenceQueueTest, IdlenessSavesNothingUp) {
  SentenceQueue queue(Rows(1));
  PushFor(&queue, 1, 10, milliseconds(5000));
  queue.PopBatch(kNow);
  for (int i = 0; i < 500; ++i) PushFor(&queue, 2, 10, milliseconds(5000));
  for (int i = 0; i < 200; ++i) queue.PopBatch(kNow);
  // Client 1 was away for 200 sentences; it may not have 200 in a row now.
  for (int i = 0; i < 200; ++i) PushFor(&queue, 1, 10, milliseconds(100));
  int of_client_2 = 0;
  for (int i = 0; i < 100; ++i) {
    of_client_2 += queue.PopBatch(kNow).batch.at(0).client == 2 ? 1 : 0;
  }
  EXPECT_GE(of_client_2, 30);
}

TEST_F(SentenceQueueTest, DebtOutlivesAnEmptyQueue) {
  SentenceQueue queue(Rows(1));
  PushFor(&queue, 2, 10, milliseconds(9000));
  // 400 ms beyond client 2, more than kAhead, and nothing left waiting.
  PushFor(&queue, 1, 200, milliseconds(1));
  EXPECT_EQ(queue.PopBatch(kNow).batch.at(0).client, 1u);
  PushFor(&queue, 1, 10, milliseconds(1));
  EXPECT_EQ(queue.PopBatch(kNow).batch.at(0).client, 2u);
}

Duration CostOf(const std::vector<SentenceTask>& tasks) {
  Duration cost{};
  for (const SentenceTask& task : tasks) cost += task.cost;
  return cost;
}

// The bound that sentence_queue.h derives, where nothing overtakes.
Duration LongestWait(int clients, Duration largest_batch) {
  return SentenceQueue::kPatience +
         clients * (SentenceQueue::kTurn + 1) * largest_batch;
}

// The work done before a batch begins with the sentence `wanted`, where `push`
// comes before each; hardly more than `bound`.
template <typename Push, typename Wanted>
Duration WorkBefore(SentenceQueue* queue, Duration bound, const Push& push,
                    const Wanted& wanted) {
  Duration work{};
  while (work <= bound) {
    push();
    const SentenceQueue::Next next = queue->PopBatch(kNow);
    if (wanted(next.batch.at(0))) break;
    work += CostOf(next.batch);
  }
  return work;
}

TEST_F(SentenceQueueTest, WhoIsFarAheadRunsThoughEverNewClientsCome) {
  SentenceQueue queue(Rows(1));
  // 200 s ahead of a client that waits, though for nothing urgent.
  PushFor(&queue, 2, 10, kNever);
  RunFor(&queue, 1, 100000);
  PushFor(&queue, 1, 50, milliseconds(1000));
  // Each sentence is a batch, which takes 100 ms.
  const Duration bound = LongestWait(/*clients=*/2, milliseconds(100));
  ClientId newcomer = 100;
  const Duration work = WorkBefore(
      &queue, bound,
      [&] {
        for (int i = 0; i < 2; ++i) {
          PushFor(&queue, newcomer++, 50, milliseconds(500));
        }
      },
      [](const SentenceTask& first) { return first.client == 1; });
  EXPECT_LE(work, bound);
  EXPECT_GE(work, SentenceQueue::kPatience);
}

TEST_F(SentenceQueueTest, FloodThatWaitsTooIsOneClientAheadInAge) {
  SentenceQueue queue(Rows(1));
  PushFor(&queue, 3, 10, kNever);
  RunFor(&queue, 1, 100000);
  // All of the flood is older, and more urgent.
  for (int i = 0; i < 900; ++i) PushFor(&queue, 1, 50, milliseconds(1000));
  PushFor(&queue, 2, 50, kNever);
  const Duration bound = LongestWait(/*clients=*/3, milliseconds(100));
  ClientId newcomer = 100;
  const Duration work = WorkBefore(
      &queue, bound,
      [&] { PushFor(&queue, newcomer++, 50, milliseconds(500)); },
      [](const SentenceTask& first) { return first.client == 2; });
  EXPECT_LE(work, bound);
}

TEST_F(SentenceQueueTest, ClientsOwnUrgentSentencesDoNotStarveItsOldest) {
  SentenceQueue queue(Rows(1));
  const Owner oldest = PushFor(&queue, 1, 50, kNever);
  const Duration bound = LongestWait(/*clients=*/1, milliseconds(100));
  const Duration work = WorkBefore(
      &queue, bound,
      [&] {
        for (int i = 0; i < 2; ++i) PushFor(&queue, 1, 50, milliseconds(500));
      },
      [&](const SentenceTask& first) { return first.owner == oldest; });
  EXPECT_LE(work, bound);
}

// Each of its sentences expires before it is the oldest for long.
TEST_F(SentenceQueueTest, ClientWhoseSentencesExpireGetsItsTurn) {
  SentenceQueue queue(Rows(1));
  PushFor(&queue, 2, 10, kNever);
  RunFor(&queue, 1, 100000);
  TimePoint now = kNow;
  const Duration bound = LongestWait(/*clients=*/2, milliseconds(100));
  Duration work{};
  ClientId newcomer = 100;
  for (;;) {
    PushFor(&queue, 1, 50, now - kNow + milliseconds(900));
    for (int i = 0; i < 2; ++i) {
      PushFor(&queue, newcomer++, 50, now - kNow + milliseconds(500));
    }
    const auto next = queue.PopBatch(now);
    if (next.batch.at(0).client == 1) break;
    work += CostOf(next.batch);
    now += CostOf(next.batch);
    ASSERT_LE(work, bound);
  }
}

// Adversaries who came first, never leave, and cancel what has waited longest
// just before it would have its turn.
TEST_F(SentenceQueueTest, CancellingBeforeTheTurnHoldsNobodyUp) {
  SentenceQueue queue(Rows(1));
  std::map<ClientId, Owner> oldest;
  for (ClientId client = 11; client <= 13; ++client) {
    oldest[client] = PushFor(&queue, client, 50, kNever);
  }
  const Owner victim = PushFor(&queue, 1, 50, kNever);
  const Duration bound = LongestWait(/*clients=*/4, milliseconds(100));
  ClientId newcomer = 100;
  const Duration work = WorkBefore(
      &queue, bound,
      [&] {
        for (auto& [client, owner] : oldest) {
          const Owner next = PushFor(&queue, client, 50, kNever);
          owner->Cancel();
          owner = next;
        }
        for (int i = 0; i < 2; ++i) {
          PushFor(&queue, newcomer++, 50, milliseconds(500));
        }
      },
      [&](const SentenceTask& first) { return first.owner == victim; });
  EXPECT_LE(work, bound);
}

TEST_F(SentenceQueueTest, TurnsByAgeTakeOnePartInKTurnOfTheWork) {
  SentenceQueue queue(Rows(1));
  PushFor(&queue, 2, 10, kNever);
  RunFor(&queue, 1, 500000);  // 1000 s.
  for (int i = 0; i < 300; ++i) PushFor(&queue, 1, 100, milliseconds(1));
  ClientId newcomer = 100;
  for (int i = 0; i < 3; ++i) PushFor(&queue, newcomer++, 20, milliseconds(9));
  Duration work{};
  Duration of_client_1{};
  while (work < std::chrono::seconds(100)) {
    const auto next = queue.PopBatch(kNow);
    work += CostOf(next.batch);
    if (next.batch.at(0).client == 1) {
      of_client_1 += CostOf(next.batch);
    } else {
      PushFor(&queue, newcomer++, 20, milliseconds(9));
    }
  }
  // It is overdue after kPatience only, and then after each turn.
  const double share = static_cast<double>(of_client_1.count()) /
                       static_cast<double>(work.count());
  EXPECT_LE(share, 1.0 / SentenceQueue::kTurn);
  EXPECT_GE(share, 0.05);
}

TEST_F(SentenceQueueTest, NothingIsTakenByAgeFromWhoGetsItsShare) {
  SentenceQueue queue(Rows(1));
  // Work of 5 s, well beyond kPatience, in order of the deadlines.
  std::vector<ClientId> expected;
  for (int i = 0; i < 50; ++i) {
    for (ClientId client = 1; client <= 2; ++client) {
      PushFor(&queue, client, 25, milliseconds(10000 + 10 * i + client));
      expected.push_back(client);
    }
  }
  std::vector<ClientId> order;
  while (!queue.empty()) {
    order.push_back(queue.PopBatch(kNow).batch.at(0).client);
  }
  EXPECT_EQ(order, expected);
}

TEST_F(SentenceQueueTest, EverNewConnectionsOfACallerGetItNoMoreThanItHasOpen) {
  SentenceQueue queue(Rows(1));
  for (int i = 0; i < 900; ++i) PushFor(&queue, 1, 50, milliseconds(60000));
  // Always two of its connections wait, each with less than kAhead in all: none
  // is ever ahead of anyone.
  ClientId newcomer = 100;
  std::map<ClientId, int> waiting;
  const auto open = [&] {
    while (waiting.size() < 2) {
      for (int i = 0; i < 2; ++i) {
        PushFor(&queue, newcomer, 50, milliseconds(500));
      }
      waiting[newcomer++] = 2;
    }
  };
  Duration work{};
  Duration of_client_1{};
  while (work < std::chrono::seconds(60)) {
    open();
    const auto next = queue.PopBatch(kNow);
    const ClientId client = next.batch.at(0).client;
    work += CostOf(next.batch);
    if (client == 1) {
      of_client_1 += CostOf(next.batch);
    } else if (--waiting[client] == 0) {
      waiting.erase(client);
    }
  }
  // An even third, but for what kAhead lets each of the three have at first.
  EXPECT_GE(of_client_1, work / 3 - 3 * SentenceQueue::kAhead);
}

// Clients come and go, with sentences of any length and deadline, of two
// models; callers cancel; batches are overtaken. Whatever happens, each
// sentence is given back once, and none waits longer than the bound allows.
class SentenceQueueSimulation : public SentenceQueueTest {
 protected:
  static constexpr int kMaxSteps = 60;
  static constexpr int kMaxBatchTokens = 200;
  static constexpr Duration kBudget = milliseconds(150);  // To overtake with.

  explicit SentenceQueueSimulation() : queue_(Options()) {}

  static SentenceQueue::Options Options() {
    SentenceQueue::Options options;
    options.max_batch_rows = 6;
    options.max_batch_tokens = kMaxBatchTokens;
    return options;
  }

  struct Sentence {
    ClientId client = 0;
    // Work until which it may wait; from when it is its client's oldest.
    Duration limit = Duration::max();
  };

  int Random(int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random_);
  }

  void Push(ClientId client, milliseconds time_left) {
    const Owner owner = OwnerOf(Random(0, kMaxSteps - 2));
    const BatchModel* model = Random(0, 4) == 0 ? other_.get() : model_.get();
    auto tasks = RecordingOwner::Tasks(owner, now_ + time_left, client, model);
    queue_.PushAlways(&tasks, now_);
    waiting_[client].push_back(owner);
    sentences_[owner].client = client;
    SetLimit(client);
  }

  void SetLimit(ClientId client) {
    Sentence& oldest = sentences_.at(waiting_.at(client).front());
    if (oldest.limit != Duration::max()) return;
    // What may be charged for a batch: what its tokens cost in a full one.
    const Duration batch = kMaxBatchTokens * model_->cost().PerToken(6);
    const auto clients = static_cast<int>(waiting_.size());
    oldest.limit = work_ + LongestWait(clients, batch) + clients * kBudget;
  }

  // `took`: the work that it took; zero where the sentences died.
  void GivenBack(const std::vector<SentenceTask>& tasks, bool ran) {
    for (const SentenceTask& task : tasks) {
      const Owner owner = std::static_pointer_cast<RecordingOwner>(task.owner);
      const auto it = sentences_.find(owner);
      ASSERT_TRUE(it != sentences_.end()) << "given back twice";
      ASSERT_EQ(it->second.client, task.client);
      if (ran) {
        EXPECT_FALSE(owner->cancelled());
        EXPECT_GT(task.deadline, now_);
        EXPECT_EQ(task.model, tasks.front().model);
      }
      sentences_.erase(it);
      std::vector<Owner>& owners = waiting_.at(task.client);
      owners.erase(std::find(owners.begin(), owners.end(), owner));
      if (owners.empty()) waiting_.erase(task.client);
    }
  }

  void Took(const SentenceQueue::Next& next, Duration work) {
    // The oldest ones of now must not have waited longer than they may. What
    // this Pop took is found before the work that it took is counted.
    GivenBack(next.expired, false);
    GivenBack(next.cancelled, false);
    GivenBack(next.batch, true);
    work_ += work;
    for (const auto& [client, owners] : waiting_) {
      SetLimit(client);
      const Owner& oldest = owners.front();
      if (oldest->cancelled()) continue;
      ASSERT_LE(work_, sentences_.at(oldest).limit) << "client " << client;
    }
  }

  void PopBatch() {
    const auto next = queue_.PopBatch(now_, Random(1, 3));
    Took(next, CostOf(next.batch));
    clients_ = next.clients;
    clock_ = next.clock;
    now_ += milliseconds(Random(0, 100));
  }

  void PopUrgent() {
    const auto next = queue_.PopUrgent(now_, clients_, clock_, kBudget);
    int64_t longest = 0;
    int64_t tokens = 0;
    for (const SentenceTask& task : next.batch) {
      longest = std::max(longest, task.steps());
      tokens += task.steps();
    }
    Took(next, model_->cost().Predict(longest, tokens));
  }

  const std::unique_ptr<BatchModel> other_ =
      *BatchModel::Create(&engine_, /*workers=*/1, model_->cost());
  SentenceQueue queue_;
  std::mt19937 random_;
  TimePoint now_ = kNow;
  Duration work_{};
  std::map<ClientId, std::vector<Owner>> waiting_;  // Oldest first.
  std::map<Owner, Sentence> sentences_;
  std::set<ClientId> clients_;  // Of the last batch; its clock.
  Duration clock_{};
};

TEST_F(SentenceQueueSimulation, NothingWaitsForLongerThanTheBound) {
  for (int seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE(seed);
    random_.seed(seed);
    ClientId newcomer = 1000 * (seed + 1);
    for (int round = 0; round < 1000 && !HasFatalFailure(); ++round) {
      // Those that stay, some with deadlines that never come near.
      if (Random(0, 3) == 0) {
        const ClientId client = Random(1, 5);
        const bool never = client <= 3 && Random(0, 2) == 0;
        Push(client, never ? kNever : milliseconds(Random(1, 3000)));
      }
      // Those that come ever anew, and are in a hurry.
      for (int i = Random(1, 9); i > 0; --i) {
        Push(newcomer++, milliseconds(Random(1, 2000)));
      }
      if (Random(0, 9) == 0 && !sentences_.empty()) {
        std::next(sentences_.begin(),
                  Random(0, static_cast<int>(sentences_.size()) - 1))
            ->first->Cancel();
      }
      PopBatch();
      if (Random(0, 1) == 0) PopUrgent();
    }
    while (!queue_.empty() && !HasFatalFailure()) PopBatch();
    EXPECT_THAT(sentences_, IsEmpty());
    EXPECT_EQ(queue_.queued_tokens(), 0);
    EXPECT_EQ(queue_.queued_cost(), Duration::zero());
  }
}

TEST_F(SentenceQueueTest, SentencesOfTwoModelsNeverShareABatch) {
  SentenceQueue queue({});
  const auto other = *BatchModel::Create(&engine_, /*workers=*/1);
  PushFor(&queue, 1, 10, milliseconds(100));
  const Owner owner = OwnerOf(8);
  auto tasks =
      RecordingOwner::Tasks(owner, kNow + milliseconds(200), 2, other.get());
  ASSERT_THAT(queue.Push(&tasks, kNow), IsOk());
  PushFor(&queue, 3, 10, milliseconds(300));
  EXPECT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(1, 3));
  EXPECT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(2));
}

TEST_F(SentenceQueueTest, ShortSentenceIsNotTiedToLongOnesOfWhoIsAhead) {
  SentenceQueue::Options options;
  options.max_batch_tokens = 300;
  SentenceQueue queue(options);
  for (int i = 0; i < 6; ++i) PushFor(&queue, 1, 100, milliseconds(500));
  PushFor(&queue, 2, 10, milliseconds(9000));
  // After these client 1 is ahead by more than kAhead.
  ASSERT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(1, 1, 1));
  EXPECT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(2));
  EXPECT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(1, 1, 1));
}

TEST_F(SentenceQueueTest, LittleUsersRunBeforeMuchLongerSentences) {
  SentenceQueue queue({});
  // Client 1 has 400 ms behind it, and its next deadline is later.
  for (int i = 0; i < 4; ++i) PushFor(&queue, 1, 100, milliseconds(100));
  queue.PopBatch(kNow);
  for (int i = 0; i < 4; ++i) PushFor(&queue, 1, 100, milliseconds(300));
  PushFor(&queue, 2, 10, milliseconds(200));
  EXPECT_THAT(Clients(queue.PopBatch(kNow).batch), ElementsAre(2));
}

TEST_F(SentenceQueueTest, LittleUsersAreLeftToOvertakeMuchLongerSentences) {
  SentenceQueue queue({});
  for (int i = 0; i < 4; ++i) PushFor(&queue, 1, 100, milliseconds(100));
  PushFor(&queue, 2, 10, milliseconds(200));
  const auto next = queue.PopBatch(kNow);
  EXPECT_THAT(Clients(next.batch), ElementsAre(1, 1, 1, 1));
  // Each of the sentences takes 20 ms apart; the batch's took 400 and more.
  for (int i = 0; i < 5; ++i) {
    const auto urgent =
        queue.PopUrgent(kNow, next.clients, next.clock, milliseconds(20));
    EXPECT_THAT(Clients(urgent.batch), ElementsAre(2)) << i;
    PushFor(&queue, 2, 10, milliseconds(200));
  }
}

TEST_F(SentenceQueueTest, FloodEarnsNoClaimFromThoseWhoOvertakeIt) {
  SentenceQueue queue({});
  for (int i = 0; i < 480; ++i) PushFor(&queue, 1, 100, milliseconds(9000));
  // In each of its batches four of eight others come, one after the other.
  ClientId other = 0;
  for (int round = 0; round < 24; ++round) {
    const auto next = queue.PopBatch(kNow);
    EXPECT_THAT(next.batch, SizeIs(20));
    for (int i = 0; i < 4; ++i) {
      const ClientId client = 2 + other++ % 8;
      PushFor(&queue, client, 30, milliseconds(9000));
      const auto urgent =
          queue.PopUrgent(kNow, next.clients, next.clock, milliseconds(60));
      ASSERT_THAT(Clients(urgent.batch), ElementsAre(client)) << round;
    }
  }
}

TEST_F(SentenceQueueTest, EqualClientsShareBatchesInsteadOfOvertaking) {
  SentenceQueue queue(Rows(4));
  for (ClientId client = 1; client <= 8; ++client) {
    PushFor(&queue, client, 10, milliseconds(100));
  }
  const auto next = queue.PopBatch(kNow);
  EXPECT_THAT(Clients(next.batch), ElementsAre(1, 2, 3, 4));
  // Apart a sentence takes twice what it takes in a batch.
  EXPECT_THAT(queue.PopUrgent(kNow, next.clients, next.clock, kLong).batch,
              IsEmpty());
}

TEST_F(SentenceQueueTest, BatchTakesInNothingThatWouldMakeItLate) {
  SentenceQueue queue({});
  PushFor(&queue, 1, 10, milliseconds(30));
  // With it the batch would take 30 ms, and predictions have a margin.
  PushFor(&queue, 1, 10, milliseconds(1000));
  const auto next = queue.PopBatch(kNow);
  EXPECT_THAT(next.batch, SizeIs(1));
  EXPECT_EQ(next.deadline, kNow + milliseconds(30));
}

TEST_F(SentenceQueueTest, DeadlineThatCannotBeMetHoldsNobodyUp) {
  SentenceQueue queue({});
  PushFor(&queue, 1, 10, milliseconds(5));
  PushFor(&queue, 1, 10, milliseconds(1000));
  EXPECT_THAT(queue.PopBatch(kNow).batch, SizeIs(2));
}

TEST_F(SentenceQueueTest, UrgentIsTheShortSentenceOfAClientThatGotLeast) {
  SentenceQueue queue({});
  PushFor(&queue, 1, 10, milliseconds(100));
  PushFor(&queue, 2, 10, milliseconds(200));
  const auto next = queue.PopUrgent(
      kNow, /*clients=*/{1}, /*clock=*/milliseconds(20), milliseconds(20));
  EXPECT_THAT(Clients(next.batch), ElementsAre(2));
}

TEST_F(SentenceQueueTest, UrgentSentencesKeepToTheBudgetTogether) {
  SentenceQueue queue({});
  for (int i = 0; i < 5; ++i) PushFor(&queue, 2, 10, milliseconds(200));
  // 10 steps and n times 10 tokens: two sentences take 30 ms, three 40.
  EXPECT_THAT(queue.PopUrgent(kNow, {1}, kLong, milliseconds(19)).batch,
              IsEmpty());
  EXPECT_THAT(queue.PopUrgent(kNow, {1}, kLong, milliseconds(39)).batch,
              SizeIs(2));
}

TEST_F(SentenceQueueTest, WhoHadUrgentSentencesPaysWhatTheyTake) {
  SentenceQueue queue({});
  for (int i = 0; i < 2; ++i) PushFor(&queue, 2, 10, milliseconds(200));
  PushFor(&queue, 3, 10, milliseconds(300));
  EXPECT_THAT(
      Clients(queue.PopUrgent(kNow, {1}, kLong, milliseconds(21)).batch),
      ElementsAre(2));
  EXPECT_THAT(
      Clients(queue.PopUrgent(kNow, {1}, kLong, milliseconds(21)).batch),
      ElementsAre(3));
}

TEST_F(SentenceQueueTest, WorkAheadIsWhatHasAnEarlierDeadline) {
  SentenceQueue queue({});
  EXPECT_EQ(queue.WorkAhead(1, kNow + milliseconds(100)), Duration::zero());
  PushFor(&queue, 1, 32, milliseconds(100));   // 32.5 ms in a batch of 64.
  PushFor(&queue, 1, 128, milliseconds(300));  // 136 ms in one of 16.
  const auto ms = [&](int time_left) {
    return std::chrono::duration<double, std::milli>(
               queue.WorkAhead(1, kNow + milliseconds(time_left)))
        .count();
  };
  EXPECT_NEAR(ms(50), 0, 1e-3);
  EXPECT_NEAR(ms(200), 32.5, 1e-3);
  EXPECT_NEAR(ms(400), 168.5, 1e-3);
}

TEST_F(SentenceQueueTest, FloodIsNotAheadOfAClientWithinItsShare) {
  SentenceQueue queue({});
  for (int i = 0; i < 100; ++i) PushFor(&queue, 1, 64, milliseconds(100));
  EXPECT_GT(queue.WorkAhead(1, kNow + milliseconds(500)), milliseconds(6000));
  EXPECT_LE(queue.WorkAhead(2, kNow + milliseconds(500)),
            SentenceQueue::kAhead);
}

TEST_F(SentenceQueueTest, PushAlwaysGoesBeyondTheLimit) {
  SentenceQueue::Options options;
  options.max_queued_tokens = 3;
  SentenceQueue queue(options);
  Push(&queue, 1, milliseconds(10));
  const Owner owner = OwnerOf(5);
  auto tasks = RecordingOwner::Tasks(owner, kNow + milliseconds(10));
  queue.PushAlways(&tasks, kNow);
  EXPECT_EQ(queue.queued_tokens(), 10);
  EXPECT_EQ(queue.queued_sentences(), 2);
}

TEST_F(SentenceQueueTest, CountsReturnToZero) {
  SentenceQueue queue(Rows(3));
  for (int i = 0; i < 50; ++i) {
    PushFor(&queue, i % 7, 3 + i, milliseconds(i - 5));
  }
  while (!queue.empty()) queue.PopBatch(kNow);
  EXPECT_EQ(queue.queued_tokens(), 0);
  EXPECT_EQ(queue.queued_sentences(), 0);
  EXPECT_EQ(queue.queued_cost(), Duration::zero());
  EXPECT_EQ(queue.WorkAhead(1, TimePoint::max()), Duration::zero());
}

TEST(SentenceQueueOptionsTest, RefusesWhatIsNotPositiveAndNamesIt) {
  SentenceQueue::Options options;
  EXPECT_THAT(options.Validate(), IsOk());
  options.max_batch_rows = 0;
  EXPECT_THAT(options.Validate(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("--max-batch-rows is 0")));
  options = {};
  options.max_queued_tokens = -3;
  EXPECT_THAT(options.Validate(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--max-queued-tokens is -3")));
}

}  // namespace
}  // namespace elmo::testing
