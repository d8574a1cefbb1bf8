#include "server/batching/batch_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/server/batching/recording_owner.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Sentences = std::vector<std::vector<std::string>>;
using Owner = std::shared_ptr<RecordingOwner>;

Owner OwnerOf(Sentences sentences) {
  return std::make_shared<RecordingOwner>(std::move(sentences));
}

class BatchSchedulerTest : public ::testing::Test {
 protected:
  // 1 ms a token, whatever the steps.
  static inline const BatchCost kCost{
      {10, 10, std::chrono::milliseconds(10)},
      {10, 160, std::chrono::milliseconds(160)}};

  ~BatchSchedulerTest() override { engine_.Unblock(); }

  void Start(int workers, const SentenceQueue::Options& queue = {},
             BatchObserver* observer = nullptr) {
    BatchScheduler::Options options;
    options.observer = observer;
    options.workers = workers;
    options.queue = queue;
    auto scheduler = BatchScheduler::Create(options);
    ASSERT_THAT(scheduler, IsOk());
    scheduler_ = *std::move(scheduler);
  }

  absl::Status Submit(const Owner& owner, TimePoint deadline = TimePoint::max(),
                      ClientId client = 0) {
    auto tasks = RecordingOwner::Tasks(owner, deadline, client, model_.get());
    return scheduler_->Submit(&tasks);
  }

  // Holds up one worker, so that what is submitted next waits.
  Owner Occupy() {
    engine_.Block();
    const int runs = static_cast<int>(engine_.batches().size());
    Owner owner = OwnerOf({{"occupied"}});
    EXPECT_THAT(Submit(owner), IsOk());
    engine_.WaitForRuns(runs + 1);
    return owner;
  }

  // Until so many workers run a batch or help.
  void WaitForBusy(int workers) const {
    while (scheduler_->busy_workers() != workers) std::this_thread::yield();
  }

  FakeEngine engine_;
  const std::unique_ptr<BatchModel> model_ =
      *BatchModel::Create(&engine_, /*workers=*/1, kCost);
  std::unique_ptr<BatchScheduler> scheduler_;  // Goes before the engine.
};

// Counts what it is told. Thread-safe.
struct CountingObserver final : public BatchObserver {
  void BatchEnded(const Batch& batch) override {
    ++batches;
    rows += batch.rows;
    tokens += batch.tokens;
    cancelled_rows += batch.cancelled_rows;
  }
  void SentenceStarted(Duration queue_time) override {
    ++started;
    if (queue_time < Duration::zero()) ++negative_times;
  }
  void SentencesExpired(int count) override { expired += count; }
  void SentencesCancelled(int count) override { cancelled += count; }

  std::atomic<int> batches{0}, rows{0}, cancelled_rows{0};
  std::atomic<int64_t> tokens{0};
  std::atomic<int> started{0}, negative_times{0}, expired{0}, cancelled{0};
};

TEST_F(BatchSchedulerTest, ObserverHearsOfBatchesBeforeTheOwnersDo) {
  CountingObserver observer;
  Start(/*workers=*/1, {}, &observer);
  const Owner first = Occupy();
  const Owner second = OwnerOf({{"a"}, {"b", "c"}});
  ASSERT_THAT(Submit(second), IsOk());
  EXPECT_EQ(scheduler_->queued_sentences(), 2);
  first->Cancel();  // While it runs.
  engine_.Unblock();
  first->WaitForAll();
  second->WaitForAll();
  EXPECT_EQ(observer.batches, 2);
  EXPECT_EQ(observer.rows, 3);
  EXPECT_EQ(observer.tokens, 3 + 3 + 4);
  EXPECT_EQ(observer.cancelled_rows, 1);
  EXPECT_EQ(observer.started, 3);
  EXPECT_EQ(observer.negative_times, 0);
  EXPECT_EQ(scheduler_->queued_sentences(), 0);
  scheduler_.reset();
}

TEST_F(BatchSchedulerTest, ObserverHearsOfWhatDoesNotRun) {
  CountingObserver observer;
  Start(/*workers=*/1, {}, &observer);
  const Owner running = Occupy();
  const Owner cancelled = OwnerOf({{"a"}});
  const Owner late = OwnerOf({{"b"}});
  ASSERT_THAT(Submit(cancelled), IsOk());
  ASSERT_THAT(Submit(late, std::chrono::steady_clock::now()), IsOk());
  cancelled->Cancel();
  engine_.Unblock();
  scheduler_->Drain();
  EXPECT_EQ(observer.cancelled, 1);
  EXPECT_EQ(observer.expired, 1);
  EXPECT_EQ(observer.started, 1);
  scheduler_.reset();
}

TEST_F(BatchSchedulerTest, RefusalHasItsReason) {
  SentenceQueue::Options queue;
  queue.max_queued_tokens = 6;
  Start(/*workers=*/1, queue);
  const Owner running = Occupy();
  const auto reason_of = [&](const Owner& owner, TimePoint deadline) {
    auto tasks = RecordingOwner::Tasks(owner, deadline, 0, model_.get());
    RefusalReason reason = RefusalReason::kBytesInFlight;
    EXPECT_FALSE(scheduler_->Submit(&tasks, &reason).ok());
    return reason;
  };
  const Owner long_one = OwnerOf({{"c", "d", "e", "f", "g"}});
  const Owner short_one = OwnerOf({{"h"}});
  EXPECT_EQ(reason_of(long_one, TimePoint::max()), RefusalReason::kQueueFull);
  EXPECT_EQ(reason_of(short_one, std::chrono::steady_clock::now() +
                                     std::chrono::milliseconds(1)),
            RefusalReason::kDeadline);
  scheduler_->StopAccepting();
  EXPECT_EQ(reason_of(short_one, TimePoint::max()), RefusalReason::kDraining);
  engine_.Unblock();
}

TEST_F(BatchSchedulerTest, EachSentenceGetsItsOwnValues) {
  Start(/*workers=*/2);
  const Owner owner = OwnerOf({{"a"}, {"b", "c"}, {}});
  ASSERT_THAT(Submit(owner), IsOk());
  owner->WaitForAll();
  const OutputSpec output;
  const Sentences sentences = {{"a"}, {"b", "c"}, {}};
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(owner->end(i), IsOk());
    EXPECT_EQ(owner->result(i).values,
              FakeEngine::Values({sentences[i], &output, nullptr}));
  }
}

TEST_F(BatchSchedulerTest, WhatWaitsWhenAWorkerGetsFreeRunsTogether) {
  Start(/*workers=*/1);
  Occupy();
  const Owner a = OwnerOf({{"a"}});
  const Owner b = OwnerOf({{"b"}});
  ASSERT_THAT(Submit(a), IsOk());
  ASSERT_THAT(Submit(b), IsOk());
  engine_.Unblock();
  a->WaitForAll();
  b->WaitForAll();
  EXPECT_THAT(engine_.batches(),
              ElementsAre(_, ElementsAre(ElementsAre("a"), ElementsAre("b"))));
}

TEST_F(BatchSchedulerTest, FreeWorkersRunARequestTogether) {
  Start(/*workers=*/2);
  engine_.Block();
  const Owner owner = OwnerOf({{"a"}, {"b"}});
  ASSERT_THAT(Submit(owner), IsOk());
  engine_.WaitForRuns(2);  // Would never come if one worker took both.
  engine_.Unblock();
  owner->WaitForAll();
  EXPECT_THAT(engine_.batches(), ElementsAre(SizeIs(1), SizeIs(1)));
}

TEST_F(BatchSchedulerTest, OnDoneRunsExactlyOnceWhenEngineFails) {
  Start(/*workers=*/1);
  engine_.FailWith(absl::InternalError("broken"));
  const Owner owner = OwnerOf({{"a"}, {"b"}, {"c"}});
  ASSERT_THAT(Submit(owner), IsOk());
  scheduler_->Drain();
  EXPECT_EQ(owner->num_ends(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(owner->end(i),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("broken")));
    EXPECT_THAT(owner->result(i).values, IsEmpty());
  }
}

TEST_F(BatchSchedulerTest, OnDoneRunsExactlyOnceWhenEngineThrows) {
  Start(/*workers=*/1);
  engine_.ThrowFromRuns();
  const Owner owner = OwnerOf({{"a"}, {"b"}});
  ASSERT_THAT(Submit(owner), IsOk());
  scheduler_->Drain();
  EXPECT_EQ(owner->num_ends(), 2);
  EXPECT_THAT(owner->end(0), StatusIs(absl::StatusCode::kInternal, _));
}

TEST_F(BatchSchedulerTest, FailedBatchLeavesTheWorkerAtWork) {
  Start(/*workers=*/1);
  engine_.FailWith(absl::InternalError("broken"));
  const Owner unlucky = OwnerOf({{"a"}});
  ASSERT_THAT(Submit(unlucky), IsOk());
  unlucky->WaitForAll();
  engine_.FailWith(absl::OkStatus());
  const Owner lucky = OwnerOf({{"b"}});
  ASSERT_THAT(Submit(lucky), IsOk());
  lucky->WaitForAll();
  EXPECT_THAT(lucky->end(0), IsOk());
}

TEST_F(BatchSchedulerTest, EnginesOwnErrorCodeIsInternalToTheCaller) {
  Start(/*workers=*/1);
  engine_.FailWith(absl::InvalidArgumentError("a bug"));
  const Owner owner = OwnerOf({{"a"}});
  ASSERT_THAT(Submit(owner), IsOk());
  owner->WaitForAll();
  EXPECT_THAT(owner->end(0),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("a bug")));
}

TEST_F(BatchSchedulerTest, CancelledSentenceCostsNoCompute) {
  Start(/*workers=*/1);
  Occupy();
  const Owner owner = OwnerOf({{"gone"}, {"too"}});
  ASSERT_THAT(Submit(owner), IsOk());
  owner->Cancel();
  engine_.Unblock();
  owner->WaitForAll();
  EXPECT_THAT(owner->end(0), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_THAT(owner->end(1), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_THAT(engine_.batches(),
              ElementsAre(ElementsAre(ElementsAre("occupied"))));
}

TEST_F(BatchSchedulerTest, WithdrawnSentencesEndAtOnceAndOnlyThey) {
  CountingObserver observer;
  Start(/*workers=*/1, {}, &observer);
  Occupy();
  const TimePoint deadline =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
  const Owner gone = OwnerOf({{"a"}, {"b"}});
  const Owner stays = OwnerOf({{"c"}});  // Same client, same deadline.
  const Owner later = OwnerOf({{"d"}});
  ASSERT_THAT(Submit(stays, deadline), IsOk());
  ASSERT_THAT(Submit(gone, deadline), IsOk());
  ASSERT_THAT(Submit(later, deadline + std::chrono::nanoseconds(1)), IsOk());
  scheduler_->Withdraw(0, deadline);  // Nobody was cancelled.
  EXPECT_EQ(scheduler_->queued_sentences(), 4);
  gone->Cancel();
  later->Cancel();
  scheduler_->Withdraw(1, deadline);  // Another client's.
  EXPECT_EQ(scheduler_->queued_sentences(), 4);
  scheduler_->Withdraw(0, deadline);
  EXPECT_EQ(scheduler_->queued_sentences(), 2);
  EXPECT_EQ(observer.cancelled, 2);
  EXPECT_THAT(gone->end(0), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_THAT(gone->end(1), StatusIs(absl::StatusCode::kCancelled, _));
  EXPECT_EQ(stays->num_ends(), 0);
  EXPECT_EQ(later->num_ends(), 0);
  engine_.Unblock();
  scheduler_->Drain();
  EXPECT_THAT(stays->end(0), IsOk());
  EXPECT_EQ(gone->num_ends(), 2);
  scheduler_.reset();  // Before the observer.
}

TEST_F(BatchSchedulerTest, WithdrawingRacingTheWorkersEndsEachSentenceOnce) {
  Start(/*workers=*/2);
  std::vector<Owner> owners(300);
  const TimePoint start =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
  const auto deadline_of = [&](size_t i) {
    return start + std::chrono::milliseconds(i);
  };
  std::atomic<size_t> submitted{0};
  std::thread canceller([&] {
    for (size_t i = 0; i < owners.size(); ++i) {
      while (submitted <= i) std::this_thread::yield();
      owners[i]->Cancel();
      scheduler_->Withdraw(i % 3, deadline_of(i));
    }
  });
  for (size_t i = 0; i < owners.size(); ++i) {
    owners[i] = OwnerOf({{"a"}, {"b"}});
    EXPECT_THAT(Submit(owners[i], deadline_of(i), i % 3), IsOk());
    ++submitted;
  }
  canceller.join();
  scheduler_->Drain();
  for (const Owner& owner : owners) EXPECT_EQ(owner->num_ends(), 2);
}

TEST_F(BatchSchedulerTest, ExpiredSentenceIsNeverRun) {
  Start(/*workers=*/1);
  const Owner owner = OwnerOf({{"late"}});
  ASSERT_THAT(Submit(owner, std::chrono::steady_clock::now()), IsOk());
  owner->WaitForAll();
  EXPECT_THAT(owner->end(0), StatusIs(absl::StatusCode::kDeadlineExceeded, _));
  EXPECT_THAT(engine_.batches(), IsEmpty());
}

TEST_F(BatchSchedulerTest, FullQueueRefusesAtOnceAndTellsNobody) {
  SentenceQueue::Options queue;
  queue.max_queued_tokens = 5;
  Start(/*workers=*/1, queue);
  Occupy();
  const Owner waits = OwnerOf({{"a", "b", "c"}});
  const Owner refused = OwnerOf({{"d"}});
  ASSERT_THAT(Submit(waits), IsOk());
  EXPECT_THAT(Submit(refused),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("full")));
  engine_.Unblock();
  scheduler_->Drain();
  EXPECT_THAT(waits->end(0), IsOk());
  EXPECT_EQ(refused->num_ends(), 0);
}

TEST_F(BatchSchedulerTest, DrainFinishesAcceptedWorkAndRefusesNew) {
  SentenceQueue::Options queue;
  queue.max_batch_rows = 1;
  Start(/*workers=*/2, queue);
  const Owner busy = Occupy();
  const Owner accepted = OwnerOf({{"a"}, {"b"}, {"c"}, {"d"}, {"e"}});
  ASSERT_THAT(Submit(accepted), IsOk());
  engine_.Unblock();
  scheduler_->Drain();
  EXPECT_THAT(busy->end(0), IsOk());
  EXPECT_EQ(accepted->num_ends(), 5);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(accepted->end(i), IsOk());
  EXPECT_THAT(Submit(OwnerOf({{"f"}})), StatusIs(absl::StatusCode::kUnavailable,
                                                 HasSubstr("shutting down")));
}

TEST_F(BatchSchedulerTest, WorkAcceptedBeforeItStoppedAcceptingGoesOn) {
  Start(/*workers=*/1);
  Occupy();
  const Owner accepted = OwnerOf({{"a"}});
  ASSERT_THAT(Submit(accepted), IsOk());
  scheduler_->StopAccepting();
  EXPECT_THAT(Submit(OwnerOf({{"b"}})),
              StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_EQ(scheduler_->RetryAfter(), std::chrono::seconds(1));
  engine_.Unblock();
  accepted->WaitForAll();
  EXPECT_THAT(accepted->end(0), IsOk());
}

TEST_F(BatchSchedulerTest, DrainingTwiceIsHarmless) {
  Start(/*workers=*/2);
  scheduler_->Drain();
  scheduler_->Drain();
  EXPECT_THAT(Submit(OwnerOf({{"a"}})),
              StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(BatchSchedulerTest, SubmitRacingDrainIsFinishedOrRefused) {
  for (int round = 0; round < 20; ++round) {
    Start(/*workers=*/2);
    std::vector<Owner> owners;
    for (int i = 0; i < 40; ++i) owners.push_back(OwnerOf({{"a"}, {"b"}}));
    std::atomic<bool> begun{false};
    std::vector<absl::Status> submitted(owners.size());
    std::thread submitter([&] {
      for (size_t i = 0; i < owners.size(); ++i) {
        submitted[i] = Submit(owners[i]);
        begun = true;
      }
    });
    while (!begun) std::this_thread::yield();
    scheduler_->Drain();
    submitter.join();
    for (size_t i = 0; i < owners.size(); ++i) {
      EXPECT_EQ(owners[i]->num_ends(), submitted[i].ok() ? 2 : 0);
      if (!submitted[i].ok()) {
        EXPECT_THAT(submitted[i], StatusIs(absl::StatusCode::kUnavailable, _));
      }
    }
  }
}

TEST_F(BatchSchedulerTest, ManySubmittersAllHearOfEverySentenceOnce) {
  Start(/*workers=*/3);
  std::vector<Owner> owners(200);
  for (auto& owner : owners) owner = OwnerOf({{"a"}, {"b"}, {"c"}});
  std::vector<std::thread> submitters;
  std::atomic<size_t> next{0};
  for (int t = 0; t < 4; ++t) {
    submitters.emplace_back([&] {
      for (size_t i = next++; i < owners.size(); i = next++) {
        EXPECT_THAT(Submit(owners[i]), IsOk());
        if (i % 5 == 0) owners[i]->Cancel();
      }
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  scheduler_->Drain();
  for (const Owner& owner : owners) EXPECT_EQ(owner->num_ends(), 3);
}

TEST_F(BatchSchedulerTest, AnotherClientsSentenceOvertakesALongBatch) {
  Start(/*workers=*/1);
  engine_.Block();
  const Owner batch = OwnerOf({std::vector<std::string>(500, "w")});
  ASSERT_THAT(Submit(batch, TimePoint::max(), /*client=*/1), IsOk());
  engine_.WaitForRuns(1);
  const Owner urgent = OwnerOf({{"a"}});
  ASSERT_THAT(Submit(urgent, TimePoint::max(), /*client=*/2), IsOk());
  engine_.Step();
  urgent->WaitForAll();
  EXPECT_THAT(urgent->end(0), IsOk());
  EXPECT_EQ(batch->num_ends(), 0);
  engine_.Unblock();
  batch->WaitForAll();
  EXPECT_THAT(batch->end(0), IsOk());
}

TEST_F(BatchSchedulerTest, TheBatchsOwnClientWaitsForItsEnd) {
  Start(/*workers=*/1);
  engine_.Block();
  const Owner batch = OwnerOf({std::vector<std::string>(500, "w")});
  ASSERT_THAT(Submit(batch, TimePoint::max(), /*client=*/1), IsOk());
  engine_.WaitForRuns(1);
  const Owner same = OwnerOf({{"a"}});
  ASSERT_THAT(Submit(same, TimePoint::max(), /*client=*/1), IsOk());
  engine_.Step();
  EXPECT_EQ(scheduler_->queued_sentences(), 1);
  EXPECT_EQ(same->num_ends(), 0);
  engine_.Unblock();
  same->WaitForAll();
  EXPECT_THAT(engine_.batches(), SizeIs(2));
}

TEST_F(BatchSchedulerTest,
       WhoMayOvertakeIsAdmittedBesideABatchThatEndsTooLate) {
  Start(/*workers=*/1);
  engine_.Block();
  // At 1 ms a token: the batch ends in two seconds, both deadlines are sooner.
  const Owner batch = OwnerOf({std::vector<std::string>(2000, "w")});
  ASSERT_THAT(Submit(batch, TimePoint::max(), /*client=*/1), IsOk());
  engine_.WaitForRuns(1);
  const TimePoint soon =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  EXPECT_THAT(Submit(OwnerOf({{"a"}}), soon, /*client=*/1),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("cannot be done by the deadline")));
  EXPECT_THAT(Submit(OwnerOf({{"a"}}), soon, /*client=*/2), IsOk());
  engine_.Unblock();
}

TEST_F(BatchSchedulerTest, WhatCannotBeDoneInTimeIsRefusedAtOnce) {
  Start(/*workers=*/1);
  Occupy();
  const TimePoint now = std::chrono::steady_clock::now();
  // At 1 ms a token.
  const Owner waiting = OwnerOf({std::vector<std::string>(2000, "w")});
  ASSERT_THAT(Submit(waiting, now + std::chrono::seconds(60)), IsOk());
  EXPECT_THAT(Submit(OwnerOf({{"a"}}), now + std::chrono::seconds(61)), IsOk());
  const Owner refused = OwnerOf({std::vector<std::string>(2000, "w")});
  EXPECT_THAT(Submit(refused, now + std::chrono::seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("cannot be done by the deadline")));
  EXPECT_EQ(refused->num_ends(), 0);
  engine_.Unblock();
}

TEST_F(BatchSchedulerTest, WhatFollowsOneAfterTheOtherMustBeDoneInTimeToo) {
  Start(/*workers=*/2);  // More workers do not help.
  const TimePoint now = std::chrono::steady_clock::now();
  const auto submit = [&](const std::vector<SentenceTask>& later,
                          TimePoint deadline) {
    const Owner owner = OwnerOf({std::vector<std::string>(1000, "w")});
    auto first = RecordingOwner::Tasks(owner, deadline, 0, model_.get());
    RefusalReason reason;
    const absl::Status status = scheduler_->Submit(&first, &reason, later);
    if (status.ok()) {
      owner->WaitForAll();
    } else {
      EXPECT_EQ(reason, RefusalReason::kDeadline);
      EXPECT_EQ(first.size(), 1);
      EXPECT_EQ(owner->num_ends(), 0);
    }
    return status;
  };
  // At 1 ms a token: four sentences of a second each, the first included.
  const Owner rest = OwnerOf({3, std::vector<std::string>(1000, "w")});
  const TimePoint in_3_s = now + std::chrono::seconds(3);
  const auto later = RecordingOwner::Tasks(rest, in_3_s, 0, model_.get());
  EXPECT_THAT(submit(later, in_3_s),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("cannot be done by the deadline")));
  EXPECT_THAT(submit(later, now + std::chrono::seconds(60)), IsOk());
  EXPECT_THAT(submit({}, in_3_s), IsOk());
  EXPECT_EQ(rest->num_ends(), 0);  // None was taken.
}

TEST_F(BatchSchedulerTest, OthersTokensAreBesideWhatFollowsOnlyOnce) {
  SentenceQueue::Options queue;
  queue.max_batch_tokens = 2000;
  Start(/*workers=*/1, queue);
  Occupy();
  const TimePoint now = std::chrono::steady_clock::now();
  // Two seconds of others' work, which is not ahead: its deadline is later.
  const Owner others = OwnerOf({std::vector<std::string>(1998, "w")});
  ASSERT_THAT(Submit(others, now + std::chrono::hours(1), /*client=*/1),
              IsOk());
  // Ten steps of 102 ms; with the others beside each it would be 20 seconds.
  const Owner rest = OwnerOf({9, std::vector<std::string>(100, "w")});
  const Owner first = OwnerOf({std::vector<std::string>(100, "w")});
  const TimePoint in_10_s = now + std::chrono::seconds(10);
  auto tasks = RecordingOwner::Tasks(first, in_10_s, 0, model_.get());
  EXPECT_THAT(
      scheduler_->Submit(&tasks, nullptr,
                         RecordingOwner::Tasks(rest, in_10_s, 0, model_.get())),
      IsOk());
  engine_.Unblock();
}

TEST_F(BatchSchedulerTest, BacklogBeyondTheDeadlineShowsBeforeARequestIsRead) {
  Start(/*workers=*/1);
  Occupy();
  const TimePoint now = std::chrono::steady_clock::now();
  const TimePoint in_4_s = now + std::chrono::seconds(4);
  const TimePoint in_6_s = now + std::chrono::seconds(6);
  RefusalReason reason;
  EXPECT_THAT(scheduler_->CheckBacklog(0, in_4_s, &reason), IsOk());
  // 2 s of work each.
  const Owner first = OwnerOf({std::vector<std::string>(2000, "w")});
  const Owner second = OwnerOf({std::vector<std::string>(2000, "w")});
  ASSERT_THAT(Submit(first, in_4_s), IsOk());
  ASSERT_THAT(Submit(second, in_6_s), IsOk());
  // Only the first is ahead of the one, both of the other.
  EXPECT_THAT(scheduler_->CheckBacklog(0, in_4_s, &reason), IsOk());
  EXPECT_THAT(scheduler_->CheckBacklog(0, in_6_s, &reason),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("deadline")));
  EXPECT_EQ(reason, RefusalReason::kDeadline);
  scheduler_->StopAccepting();
  EXPECT_THAT(scheduler_->CheckBacklog(0, in_4_s, &reason),
              StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_EQ(reason, RefusalReason::kDraining);
  engine_.Unblock();
}

TEST_F(BatchSchedulerTest, WhatBelongsToAcceptedWorkIsTakenUntilTheDrain) {
  Start(/*workers=*/1);
  scheduler_->StopAccepting();
  const Owner rest = OwnerOf({{"a"}});
  auto tasks = RecordingOwner::Tasks(rest, TimePoint::max(), 0, model_.get());
  ASSERT_THAT(scheduler_->SubmitAccepted(&tasks), IsOk());
  scheduler_->Drain();
  EXPECT_THAT(rest->end(0), IsOk());
  const Owner late = OwnerOf({{"b"}});
  tasks = RecordingOwner::Tasks(late, TimePoint::max(), 0, model_.get());
  EXPECT_THAT(scheduler_->SubmitAccepted(&tasks),
              StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(BatchSchedulerTest, IdleWorkersHelpWithWhatRuns) {
  Start(/*workers=*/3);
  const Owner running = Occupy();
  WaitForBusy(3);
  for (int parts = engine_.parts_of_helpers();
       parts == engine_.parts_of_helpers();) {
    engine_.Step();
    std::this_thread::yield();
  }
  engine_.Unblock();
  running->WaitForAll();
  EXPECT_THAT(running->end(0), IsOk());
  WaitForBusy(0);
}

TEST_F(BatchSchedulerTest, HelperTakesWhatComesAtOnce) {
  Start(/*workers=*/2);
  const Owner first = Occupy();
  WaitForBusy(2);
  const Owner second = OwnerOf({{"a"}});
  ASSERT_THAT(Submit(second), IsOk());
  engine_.WaitForRuns(2);  // Though the first makes no step.
  const int parts = engine_.parts_of_helpers();
  engine_.Step();
  EXPECT_EQ(engine_.parts_of_helpers(), parts);  // Nobody is left to help.
  engine_.Unblock();
  first->WaitForAll();
  second->WaitForAll();
}

// It would be done twice as late, if the batch took it in between two steps.
TEST_F(BatchSchedulerTest, NothingOvertakesWhileAHelperCanTakeIt) {
  for (int round = 0; round < 20; ++round) {
    Start(/*workers=*/2);
    engine_.Block();
    const int runs = static_cast<int>(engine_.batches().size());
    const Owner batch = OwnerOf({std::vector<std::string>(500, "w")});
    ASSERT_THAT(Submit(batch, TimePoint::max(), /*client=*/1), IsOk());
    engine_.WaitForRuns(runs + 1);
    WaitForBusy(2);
    const Owner other = OwnerOf({{"a"}});
    ASSERT_THAT(Submit(other, TimePoint::max(), /*client=*/2), IsOk());
    engine_.Step();
    engine_.WaitForRuns(runs + 2);
    // Held up, which it would not be between two steps.
    EXPECT_EQ(other->num_ends(), 0);
    engine_.Unblock();
    other->WaitForAll();
    batch->WaitForAll();
  }
}

TEST_F(BatchSchedulerTest, HelpersComeAndGoWithTheLoad) {
  Start(/*workers=*/3);
  std::atomic<bool> done{false};
  engine_.Block();
  std::thread stepper([&] {
    // Ends each run after a step or so, with and without others beside it.
    while (!done) {
      engine_.Block();
      engine_.Step();
      std::this_thread::yield();
      engine_.Unblock();
    }
  });
  std::vector<Owner> owners(300);
  for (size_t i = 0; i < owners.size(); ++i) {
    owners[i] = OwnerOf({{"a"}, {"b", "c"}});
    ASSERT_THAT(Submit(owners[i], TimePoint::max(), /*client=*/i % 5), IsOk());
    if (i % 3 == 0) owners[i]->WaitForAll();
  }
  scheduler_->Drain();
  done = true;
  stepper.join();
  for (const Owner& owner : owners) EXPECT_EQ(owner->num_ends(), 2);
}

TEST_F(BatchSchedulerTest, DrainEndsHelpersToo) {
  Start(/*workers=*/3);
  const Owner running = Occupy();
  WaitForBusy(3);
  std::thread drain([&] { scheduler_->Drain(); });
  while (scheduler_->accepting()) std::this_thread::yield();
  engine_.Unblock();
  drain.join();
  EXPECT_THAT(running->end(0), IsOk());
}

TEST_F(BatchSchedulerTest, RetryAfterGrowsWithWhatWaits) {
  Start(/*workers=*/1);
  EXPECT_EQ(scheduler_->RetryAfter(), Duration::zero());
  Occupy();
  const Owner some = OwnerOf({std::vector<std::string>(1000, "w")});
  const Owner more = OwnerOf({std::vector<std::string>(30000, "w")});
  ASSERT_THAT(Submit(some), IsOk());
  const Duration wait = scheduler_->RetryAfter();
  ASSERT_THAT(Submit(more), IsOk());
  EXPECT_GT(scheduler_->RetryAfter(), wait);
}

TEST(BatchSchedulerCreateTest, RefusesNoWorkers) {
  BatchScheduler::Options options;
  options.workers = 0;
  EXPECT_THAT(BatchScheduler::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--workers is 0")));
}

}  // namespace
}  // namespace elmo::testing
