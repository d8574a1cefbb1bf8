#include "server/batching/sentence_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

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
  // costs 2 n ms alone, and n + n / 64 ms of a batch of 64.
  SentenceQueueTest() {
    const BatchCost cost({10, 10, milliseconds(20)},
                         {10, 160, milliseconds(170)});
    model_ = *BatchModel::Create(&engine_, /*workers=*/1, cost);
  }

  // A client's sentence of `steps` steps.
  Owner PushFor(SentenceQueue* queue, ClientId client, int steps,
                milliseconds time_left) {
    Owner owner = OwnerOf(steps - 2);
    auto tasks =
        RecordingOwner::Tasks(owner, kNow + time_left, client, model_.get());
    EXPECT_THAT(queue->Push(&tasks, kNow), IsOk());
    return owner;
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
  Push(&queue, 6, milliseconds(10));
  Push(&queue, 0, milliseconds(10));
  EXPECT_EQ(queue.queued_tokens(), 10);
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
  options.max_queued_tokens = 16;
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
  PushFor(&queue, 1, 64, milliseconds(100));   // 65 ms in a batch of 64.
  PushFor(&queue, 1, 128, milliseconds(300));  // 130 ms.
  const auto ms = [&](int time_left) {
    return std::chrono::duration<double, std::milli>(
               queue.WorkAhead(1, kNow + milliseconds(time_left)))
        .count();
  };
  EXPECT_NEAR(ms(50), 0, 1e-3);
  EXPECT_NEAR(ms(200), 65, 1e-3);
  EXPECT_NEAR(ms(400), 195, 1e-3);
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
