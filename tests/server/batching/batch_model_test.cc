#include "server/batching/batch_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <thread>

#include "tests/testing/fake_engine.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::HasSubstr;

// An engine that is out of memory from the start.
class NoMemoryEngine : public Engine {
 public:
  const ModelOptions& options() const override { return options_; }
  std::unique_ptr<Workspace> CreateWorkspace() const override {
    throw std::bad_alloc();
  }
  absl::Status Run(absl::Span<const SentenceInput>, Workspace*,
                   absl::Span<SentenceOutput>) const override {
    return absl::InternalError("not reached");
  }

 private:
  const ModelOptions options_{};
};

TEST(BatchModelCreateTest, WorkspaceThatDoesNotFitIsAnError) {
  const NoMemoryEngine engine;
  EXPECT_THAT(
      BatchModel::Create(&engine, /*workers=*/2),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("workspace")));
}

class BatchModelTest : public ::testing::Test {
 protected:
  absl::Status Run(const std::function<void()>& between_steps = {}) {
    const OutputSpec output;
    const std::vector<std::string> tokens = {"a"};
    const SentenceInput input = {tokens, &output, nullptr};
    SentenceOutput result;
    return model_->Run({&input, 1}, between_steps, /*team=*/nullptr,
                       {&result, 1});
  }

  FakeEngine engine_;
  const std::unique_ptr<BatchModel> model_ =
      *BatchModel::Create(&engine_, /*workers=*/1);
};

TEST_F(BatchModelTest, ARunInsideARunHasAWorkspaceOfItsOwn) {
  engine_.Block();
  absl::Status inner = absl::UnknownError("not run");
  std::thread outer([&] {
    EXPECT_THAT(Run([&] {
                  inner = Run();
                  engine_.Unblock();
                }),
                IsOk());
  });
  engine_.WaitForRuns(1);
  engine_.Step();
  outer.join();
  EXPECT_THAT(inner, IsOk());
}

TEST_F(BatchModelTest, RunsOnManyThreadsNeverShareAWorkspace) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) EXPECT_THAT(Run(), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(BatchModelTest, AnExceptionIsInternalAndTheNextRunGoesWell) {
  engine_.ThrowFromRuns();
  EXPECT_THAT(Run(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("engine")));
}

}  // namespace
}  // namespace elmo::testing
