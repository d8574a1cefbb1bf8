#include "server/embed_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EmbedJobTest : public ::testing::Test {
 protected:
  // A job of sentences "0", "1" and so on, whose ends are kept in ends_.
  std::shared_ptr<EmbedJob> Job(int num_sentences) {
    EmbedPlan plan;
    for (int i = 0; i < num_sentences; ++i) {
      plan.sentences.push_back({{std::to_string(i)}, {}});
    }
    return std::make_shared<EmbedJob>(std::move(plan), TimePoint());
  }
  std::vector<SentenceTask> Start(const std::shared_ptr<EmbedJob>& job) {
    return job->Start(
        /*client=*/0, TimePoint::max(),
        [this](const absl::Status& status) { ends_.push_back(status); });
  }
  static SentenceResult Value(float value) {
    SentenceResult result;
    result.values = {value};
    return result;
  }

  std::vector<absl::Status> ends_;
};

TEST_F(EmbedJobTest, EndsWhenTheLastSentenceIsDoneInAnyOrder) {
  const auto job = Job(3);
  const auto tasks = Start(job);
  ASSERT_THAT(tasks, SizeIs(3));
  EXPECT_THAT(tasks[1].input.tokens, ElementsAre("1"));
  job->SentenceDone(2, absl::OkStatus(), Value(2));
  job->SentenceDone(0, absl::OkStatus(), Value(0));
  EXPECT_THAT(ends_, IsEmpty());
  job->SentenceDone(1, absl::OkStatus(), Value(1));
  EXPECT_THAT(ends_, ElementsAre(IsOk()));
  EXPECT_THAT(job->TakeValues(1), ElementsAre(1));
  EXPECT_THAT(job->TakeValues(2), ElementsAre(2));
}

TEST_F(EmbedJobTest, EndsOnceWithTheFirstError) {
  const auto job = Job(3);
  const auto tasks = Start(job);
  job->SentenceDone(0, absl::OkStatus(), Value(0));
  job->SentenceDone(1, absl::InternalError("first"), {});
  EXPECT_THAT(ends_, IsEmpty());
  job->SentenceDone(2, absl::CancelledError("second"), {});
  EXPECT_THAT(ends_, ElementsAre(StatusIs(absl::StatusCode::kInternal, _)));
}

TEST_F(EmbedJobTest, AnErrorCancelsTheRest) {
  const auto job = Job(2);
  const auto tasks = Start(job);
  EXPECT_FALSE(tasks[1].owner->cancelled());
  job->SentenceDone(0, absl::InternalError("broken"), {});
  EXPECT_TRUE(tasks[1].owner->cancelled());
}

TEST_F(EmbedJobTest, CancelIsSeenThroughTheTasks) {
  const auto job = Job(1);
  const auto tasks = Start(job);
  job->Cancel();
  EXPECT_TRUE(tasks[0].owner->cancelled());
}

TEST_F(EmbedJobTest, EndsOnceWhenSentencesEndOnManyThreads) {
  const auto job = Job(64);
  const auto tasks = Start(job);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < 64; i += 4) {
        job->SentenceDone(i, absl::OkStatus(), Value(static_cast<float>(i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(ends_, SizeIs(1));
  for (int i = 0; i < 64; ++i) EXPECT_THAT(job->TakeValues(i), ElementsAre(i));
}

}  // namespace
}  // namespace elmo::testing
