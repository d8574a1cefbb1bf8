#include "server/model_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

ModelRegistry::Model Named(const std::string& name) {
  auto model = std::make_shared<ServedModel>();
  model->name = name;
  return model;
}

TEST(ModelRegistryTest, TheFirstIsTheDefault) {
  ModelRegistry models;
  ASSERT_THAT(models.Replace({Named("a"), Named("b")}), IsOk());
  EXPECT_EQ((*models.Find(""))->name, "a");
  EXPECT_EQ((*models.Find("b"))->name, "b");
}

TEST(ModelRegistryTest, AnUnknownNameIsNotFoundAndNotRepeated) {
  ModelRegistry models;
  ASSERT_THAT(models.Replace({Named("a")}), IsOk());
  EXPECT_THAT(models.Find("secret"),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("6 bytes"), HasSubstr("\"a\""),
                             Not(HasSubstr("secret")))));
}

TEST(ModelRegistryTest, TwoModelsOfOneNameChangeNothing) {
  ModelRegistry models;
  ASSERT_THAT(models.Replace({Named("a")}), IsOk());
  EXPECT_THAT(models.Replace({Named("b"), Named("b")}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("two models are named \"b\"")));
  EXPECT_EQ((*models.Find(""))->name, "a");
  EXPECT_THAT(models.Replace({}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no")));
  EXPECT_THAT(models.All(), SizeIs(1));
}

TEST(ModelRegistryTest, AReplacedModelLivesAsLongAsItsRequests) {
  ModelRegistry models;
  ASSERT_THAT(models.Replace({Named("a")}), IsOk());
  const ModelRegistry::Model of_request = *models.Find("");
  ASSERT_THAT(models.Replace({Named("b")}), IsOk());
  EXPECT_EQ(of_request->name, "a");
  EXPECT_EQ(of_request.use_count(), 1);
}

TEST(ModelRegistryTest, FindingAndReplacingMayHappenAtOnce) {
  ModelRegistry models;
  ASSERT_THAT(models.Replace({Named("a")}), IsOk());
  std::atomic<bool> stop{false};
  std::thread finder([&] {
    while (!stop) EXPECT_THAT(models.Find("a"), IsOk());
  });
  for (int i = 0; i < 1000; ++i) {
    ASSERT_THAT(models.Replace({Named("a"), Named("b")}), IsOk());
  }
  stop = true;
  finder.join();
}

}  // namespace
}  // namespace elmo::testing
