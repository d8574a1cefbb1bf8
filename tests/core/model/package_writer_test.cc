#include "core/model/package_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/model/model_package.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::RandomModel;
using elmo::testing::ReadFile;
using elmo::testing::SmallOptions;
using elmo::testing::StatusIs;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kExists = absl::StatusCode::kAlreadyExists;

int NumEntries(const std::string& directory) {
  int n = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(directory)) {
    ++n;
  }
  return n;
}

class PackageWriterTest : public ::testing::Test {
 protected:
  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "model";
  RandomModel model_{SmallOptions()};
};

TEST_F(PackageWriterTest, LeavesNothingBesideThePackage) {
  ASSERT_THAT(WritePackage(model_.Contents(), path_), IsOk());
  EXPECT_EQ(NumEntries(directory_.path()), 1);
  EXPECT_EQ(NumEntries(path_), 2);
}

TEST_F(PackageWriterTest, OptionsAreKeptByteByByte) {
  PackageContents contents = model_.Contents();
  contents.options_json += "\n \n";
  ASSERT_THAT(WritePackage(contents, path_), IsOk());
  EXPECT_EQ(ReadFile(path_ + "/options.json"), contents.options_json);
}

TEST_F(PackageWriterTest, TheSameContentsGiveTheSameBytes) {
  ASSERT_THAT(WritePackage(model_.Contents(), path_), IsOk());
  ASSERT_THAT(WritePackage(model_.Contents(), directory_ / "b"), IsOk());
  EXPECT_EQ(ReadFile(path_ + "/model.safetensors"),
            ReadFile(directory_ / "b/model.safetensors"));
}

TEST_F(PackageWriterTest, FoldersOnTheWayAreMade) {
  ASSERT_THAT(WritePackage(model_.Contents(), directory_ / "a/b/c"), IsOk());
  EXPECT_THAT(ModelPackage::Load(directory_ / "a/b/c"), IsOk());
}

TEST_F(PackageWriterTest, ATrailingSlashAndAnEmptyFolderAreFine) {
  fs::create_directory(path_);
  ASSERT_THAT(WritePackage(model_.Contents(), path_ + "/"), IsOk());
  EXPECT_THAT(ModelPackage::Load(path_), IsOk());
}

TEST_F(PackageWriterTest, WhatIsThereIsNotTouchedUnasked) {
  ASSERT_THAT(WritePackage(model_.Contents(), path_), IsOk());
  const std::string before = ReadFile(path_ + "/model.safetensors");
  const RandomModel other(SmallOptions(), /*seed=*/2);
  EXPECT_THAT(WritePackage(other.Contents(), path_),
              StatusIs(kExists, HasSubstr("exists and is not empty")));
  EXPECT_EQ(ReadFile(path_ + "/model.safetensors"), before);
  WriteFile(directory_ / "file", "x");
  EXPECT_THAT(
      WritePackage(other.Contents(), directory_ / "file", /*replace=*/true),
      StatusIs(kExists, HasSubstr("is not a folder")));
}

TEST_F(PackageWriterTest, ReplaceExchangesAPackage) {
  ASSERT_THAT(WritePackage(model_.Contents(), path_), IsOk());
  const RandomModel other(SmallOptions(), /*seed=*/2);
  ASSERT_THAT(WritePackage(other.Contents(), path_, /*replace=*/true), IsOk());
  const auto package = ModelPackage::Load(path_);
  ASSERT_THAT(package, IsOk());
  EXPECT_TRUE(
      testing::SameBits(other.layout, (*package)->weights(), other.weights()));
  EXPECT_EQ(NumEntries(directory_.path()), 1);
}

TEST_F(PackageWriterTest, ReplaceNeverRemovesOtherFiles) {
  fs::create_directory(path_);
  WriteFile(path_ + "/thesis.tex", "years of work");
  EXPECT_THAT(WritePackage(model_.Contents(), path_, /*replace=*/true),
              StatusIs(kExists, HasSubstr("more than a model package")));
  EXPECT_EQ(ReadFile(path_ + "/thesis.tex"), "years of work");
  EXPECT_EQ(NumEntries(directory_.path()), 1);
}

TEST_F(PackageWriterTest, AFailureLeavesNothing) {
  PackageContents contents = model_.Contents();
  contents.name = "no good";
  EXPECT_THAT(WritePackage(contents, path_),
              StatusIs(kInvalid, HasSubstr("name")));
  contents = model_.Contents();
  contents.options_json = "{}";
  EXPECT_THAT(WritePackage(contents, path_),
              StatusIs(kInvalid, HasSubstr("lstm is missing")));
  contents = model_.Contents();
  contents.warm_state = LstmState();
  EXPECT_THAT(WritePackage(contents, path_),
              StatusIs(kInvalid, HasSubstr("warm state")));
  EXPECT_EQ(NumEntries(directory_.path()), 0);
}

TEST_F(PackageWriterTest, ValuesThatCannotBeStoredAreNamed) {
  model_.buffer[5] = 70000;
  PackageContents contents = model_.Contents();
  contents.storage = DType::kF16;
  EXPECT_THAT(WritePackage(contents, path_),
              StatusIs(kInvalid, HasSubstr("tensor char_cnn.embedding: the "
                                           "value 70000 cannot be stored as "
                                           "F16")));
  contents.storage = DType::kBF16;
  EXPECT_THAT(WritePackage(contents, path_), IsOk());
  model_.buffer[5] = std::numeric_limits<float>::infinity();
  contents.storage = DType::kF32;
  EXPECT_THAT(WritePackage(contents, directory_ / "b"),
              StatusIs(kInvalid, HasSubstr("element 5 is NaN or infinite")));
}

TEST_F(PackageWriterTest, AFolderThatCannotBeMadeIsAnError) {
  WriteFile(directory_ / "file", "x");
  EXPECT_THAT(WritePackage(model_.Contents(), directory_ / "file/model"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("file")));
}

TEST_F(PackageWriterTest, WeightsWithAStrideAreWrittenRowByRow) {
  // The embedding as a part of a wider matrix.
  std::vector<float> wide(261 * 5);
  for (size_t i = 0; i < wide.size(); ++i) wide[i] = static_cast<float>(i);
  PackageContents contents = model_.Contents();
  contents.weights.char_cnn.embedding = ConstMatrix(wide.data(), 261, 3, 5);
  ASSERT_THAT(WritePackage(contents, path_), IsOk());
  const auto package = ModelPackage::Load(path_);
  ASSERT_THAT(package, IsOk());
  EXPECT_EQ((*package)->weights().char_cnn.embedding(0, 2), 2);
  EXPECT_EQ((*package)->weights().char_cnn.embedding(260, 0), 1300);
}

}  // namespace
}  // namespace elmo
