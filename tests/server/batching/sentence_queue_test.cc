#include "server/batching/sentence_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/batching/recording_owner.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TimePoint kNow = TimePoint() + std::chrono::hours(1);

using Owner = std::shared_ptr<RecordingOwner>;

// An owner of one sentence of `num_tokens` words, which costs 2 more.
Owner OwnerOf(int num_tokens) {
  return std::make_shared<RecordingOwner>(std::vector<std::vector<std::string>>{
      std::vector<std::string>(num_tokens, "w")});
}

class SentenceQueueTest : public ::testing::Test {
 protected:
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

TEST(SentenceQueueOptionsTest, RefusesWhatIsNotPositiveAndNamesIt) {
  SentenceQueue::Options options;
  EXPECT_THAT(options.Validate(), IsOk());
  options.max_batch_rows = 0;
  EXPECT_THAT(options.Validate(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("max_batch_rows is 0")));
  options = {};
  options.max_queued_tokens = -3;
  EXPECT_THAT(options.Validate(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("max_queued_tokens is -3")));
}

}  // namespace
}  // namespace elmo::testing
