// elmo-model as a process: exit codes, what goes to which stream.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/model_package.h"
#include "nlohmann/json.hpp"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/core/tool/hdf5_file.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::PublishedDatasets;
using elmo::testing::RandomModel;
using elmo::testing::ReadFile;
using elmo::testing::SmallOptions;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteFile;
using elmo::testing::WriteHdf5;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Result {
  int exit_code = -1;  // -1: ended by a signal.
  std::string out;
  std::string err;
};

class ElmoModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(options_path_, FormatModelOptions(model_.options));
    WriteHdf5(weights_path_, PublishedDatasets(model_));
  }

  // Arguments without blanks or quotes.
  Result Run(const std::string& arguments) const {
    const std::string out = directory_ / "out";
    const std::string err = directory_ / "err";
    const int status = std::system(
        absl::StrCat(ELMO_MODEL_BINARY, " ", arguments, " >", out, " 2>", err)
            .c_str());
    Result result;
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    result.out = ReadFile(out);
    result.err = ReadFile(err);
    return result;
  }

  Result Import(const std::string& more = "") const {
    return Run(absl::StrCat("import --options ", options_path_, " --weights ",
                            weights_path_, " --output ", package_path_, " ",
                            more));
  }

  // The result of a run that found fault with a file.
  static void ExpectFailure(const Result& result, const std::string& message) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err,
                AllOf(StartsWith("elmo-model: error: "), HasSubstr(message)));
  }

  const TemporaryDirectory directory_;
  const RandomModel model_{SmallOptions()};
  const std::string options_path_ = directory_ / "options.json";
  const std::string weights_path_ = directory_ / "weights.hdf5";
  const std::string package_path_ = directory_ / "small";
};

TEST_F(ElmoModelTest, ImportInfoAndCheckAgree) {
  const Result imported = Import();
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(imported.err, "");
  const Result info = Run("info " + package_path_);
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_EQ(info.out, imported.out);
  const Result check = Run("check " + package_path_);
  EXPECT_EQ(check.exit_code, 0) << check.err;
  const auto package = ModelPackage::Load(package_path_);
  ASSERT_THAT(package, IsOk());
  EXPECT_THAT(check.out, AllOf(HasSubstr("OK: options.json\n"),
                               HasSubstr((*package)->checksum())));
  EXPECT_TRUE(testing::SameBits(model_.layout, (*package)->weights(),
                                model_.weights()));
}

TEST_F(ElmoModelTest, InfoShowsWhatTheModelIs) {
  ASSERT_EQ(Import("--name my-elmo --storage bf16").exit_code, 0);
  const Result text = Run("info " + package_path_);
  EXPECT_THAT(text.out, AllOf(HasSubstr("my-elmo"), HasSubstr("BF16"),
                              HasSubstr("7 (width x count: 1x2, 3x5)"),
                              HasSubstr("2.5")));
  const Result result = Run("info --json " + package_path_);
  ASSERT_EQ(result.exit_code, 0);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["name"], "my-elmo");
  EXPECT_EQ(json["parameters"], NumParameters(model_.options));
  EXPECT_EQ(json["storage"], "BF16");
  EXPECT_EQ(json["dim"], 6);
  EXPECT_EQ(json["projection_dim"], 4);
  EXPECT_EQ(json["output_layers"], 3);
  EXPECT_EQ(json["output_dim"], 8);
  EXPECT_EQ(json["proj_clip"], 2.5);
  EXPECT_EQ(json["warm_state"], false);
  EXPECT_EQ(json["filters"], nlohmann::json::parse("[[1,2],[3,5]]"));
}

TEST_F(ElmoModelTest, ImportDoesNotOverwriteWithoutForce) {
  ASSERT_EQ(Import().exit_code, 0);
  ExpectFailure(Import(), "small: exists and is not empty; --force");
  EXPECT_EQ(Import("--force --name other").exit_code, 0);
  EXPECT_THAT(Run("info " + package_path_).out, HasSubstr("other"));
}

TEST_F(ElmoModelTest, BadFilesGiveExitCodeOneAndLeaveNothing) {
  const std::string options = ReadFile(options_path_);
  std::string bad = options;
  bad.replace(bad.find("relu"), 4, "gelu");
  WriteFile(options_path_, bad);
  ExpectFailure(Import(), "options.json: char_cnn.activation is \"gelu\"");
  WriteFile(options_path_, "[" + options);
  ExpectFailure(Import(), "options.json: not valid JSON");
  std::filesystem::remove(options_path_);
  ExpectFailure(Import(), "options.json: cannot open: No such file");
  WriteFile(options_path_, options);

  std::filesystem::resize_file(weights_path_, 2000);
  ExpectFailure(Import(),
                "weights.hdf5: the HDF5 library cannot open it: "
                "truncated file");
  WriteFile(weights_path_, "not weights");
  ExpectFailure(Import(), "weights.hdf5: is not an HDF5 file");
  auto datasets = PublishedDatasets(model_);
  testing::Remove(datasets, "CNN_proj/W_proj");
  WriteHdf5(weights_path_, datasets);
  ExpectFailure(Import(), "dataset \"CNN_proj/W_proj\" is missing");

  EXPECT_FALSE(std::filesystem::exists(package_path_));
  for (const auto& entry :
       std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos);
  }
}

TEST_F(ElmoModelTest, BadPackagesGiveExitCodeOne) {
  for (const char* command : {"info ", "info --json ", "check "}) {
    std::filesystem::remove_all(package_path_);
    ExpectFailure(Run(command + package_path_), "options.json: cannot open");
    ASSERT_EQ(Import().exit_code, 0);
    std::string tensors = ReadFile(package_path_ + "/model.safetensors");
    tensors[tensors.size() / 2] ^= 4;
    WriteFile(package_path_ + "/model.safetensors", tensors);
    ExpectFailure(Run(command + package_path_),
                  "model.safetensors: is damaged");
    std::filesystem::resize_file(package_path_ + "/model.safetensors", 100);
    ExpectFailure(Run(command + package_path_), "model.safetensors: ");
  }
}

TEST_F(ElmoModelTest, IgnoredLayersAreNoted) {
  ModelOptions one_layer = model_.options;
  one_layer.lstm.num_layers = 1;
  WriteFile(options_path_, FormatModelOptions(one_layer));
  const Result result = Import();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err,
              HasSubstr("elmo-model: note: lstm.n_layers is 1: ignored 6"));
}

TEST_F(ElmoModelTest, NamesThatCannotBeAreShown) {
  ExpectFailure(Import("--name a/b"), "name is \"a/b\"; it must be 1 to 64");
}

TEST_F(ElmoModelTest, WhatIsOneTooManyIsNamedAndNotWhatIsMissing) {
  for (const char* word : {"frobnicate", "--frob", "import --frob"}) {
    const Result result = Run(word);
    EXPECT_EQ(result.exit_code, 2) << word;
    EXPECT_THAT(result.err, HasSubstr(": no such ")) << word;
    EXPECT_THAT(result.err, HasSubstr("frob")) << word;
  }
  const Result storage =
      Run("import --options a --weights b --output c --storage 2");
  EXPECT_EQ(storage.exit_code, 2);
  EXPECT_THAT(storage.err, HasSubstr("2 not in {f32,f16,bf16}"));
}

TEST_F(ElmoModelTest, WrongCommandLinesGiveExitCodeTwo) {
  for (const char* arguments :
       {"", "frobnicate", "import", "info", "check a b",
        "import --options a --weights b --output c --storage f64"}) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_NE(result.err, "") << arguments;
  }
  EXPECT_EQ(Run("--help").exit_code, 0);
  EXPECT_THAT(Run("import --help").out, HasSubstr("--weights"));
}

}  // namespace
}  // namespace elmo
