#include "core/tool/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/model/model_package.h"
#include "core/tool/import_model.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/core/tool/hdf5_file.h"
#include "tests/reference/reference_elmo.h"
#include "tests/testing/matrix_near.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::MatrixNear;
using elmo::testing::PublishedDatasets;
using elmo::testing::RandomModel;
using elmo::testing::ReferenceElmo;
using elmo::testing::ReferenceState;
using elmo::testing::Rows;
using elmo::testing::SmallOptions;
using elmo::testing::StatusIs;
using elmo::testing::TemporaryDirectory;
using elmo::testing::Tolerance;
using elmo::testing::WantedMatrix;
using elmo::testing::WriteFile;
using elmo::testing::WriteHdf5;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

WantedMatrix Wanted(const Rows& rows) {
  WantedMatrix wanted;
  wanted.cols = static_cast<int64_t>(rows[0].size());
  for (const std::vector<double>& row : rows) {
    wanted.values.insert(wanted.values.end(), row.begin(), row.end());
  }
  return wanted;
}

class WarmUpTest : public ::testing::Test {
 protected:
  absl::StatusOr<WarmUpResult> Run(const std::string& text) const {
    WriteFile(text_path_, text);
    return WarmUp(model_.options, model_.weights(), text_path_);
  }

  // The state after the sentences, by the reference.
  static ReferenceState Expected(
      const ModelOptions& options, const ModelWeights& weights,
      const std::vector<std::vector<std::string>>& sentences) {
    const ReferenceElmo reference(options, weights);
    ReferenceState state = elmo::testing::ZeroState(options.lstm);
    for (const std::vector<std::string>& sentence : sentences) {
      state = reference.Run(sentence, state).final_state;
    }
    return state;
  }

  static void ExpectNear(const LstmState& state, const ReferenceState& wanted) {
    const Tolerance tolerance = {1e-5, 1e-5};
    EXPECT_THAT(state.h, MatrixNear(Wanted(wanted.h), tolerance));
    EXPECT_THAT(state.c, MatrixNear(Wanted(wanted.c), tolerance));
  }

  const TemporaryDirectory directory_;
  const std::string text_path_ = directory_ / "text";
  const RandomModel model_{SmallOptions()};
};

TEST_F(WarmUpTest, CarriesTheStateFromLineToLine) {
  const auto result = Run("It's raining.\n\n \t\nThe bank, again\n");
  ASSERT_THAT(result, IsOk());
  ExpectNear(result->state, Expected(model_.options, model_.weights(),
                                     {{"It", "'s", "raining", "."},
                                      {"The", "bank", ",", "again"}}));
  EXPECT_THAT(result->description,
              AllOf(HasSubstr("2 sentences, 8 tokens"), HasSubstr("SHA-256")));
  // And the order matters, so the test can tell.
  const auto reversed = Run("The bank, again\nIt's raining.");
  ASSERT_THAT(reversed, IsOk());
  EXPECT_THAT(reversed->state.c, Not(elmo::testing::SameBits(result->state.c)));
}

TEST_F(WarmUpTest, TheSameTextGivesTheSameBits) {
  const auto one = Run("A sentence\nand another");
  const auto two = Run("A sentence\nand another");
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_THAT(one->state.h, elmo::testing::SameBits(two->state.h));
  EXPECT_THAT(one->state.c, elmo::testing::SameBits(two->state.c));
}

TEST_F(WarmUpTest, UnusableTextIsRefused) {
  EXPECT_THAT(Run(""), StatusIs(kInvalid, HasSubstr("text: has no words")));
  EXPECT_THAT(Run(" \n\n"), StatusIs(kInvalid, HasSubstr("has no words")));
  EXPECT_THAT(Run("fine\nnot \xff fine"),
              StatusIs(kInvalid, HasSubstr("text, line 2: ")));
  std::string long_line;
  for (int i = 0; i < 1001; ++i) long_line += "word ";
  EXPECT_THAT(Run("\n\n" + long_line),
              StatusIs(kInvalid, HasSubstr("line 3: has 1001 tokens; limit is "
                                           "1000")));
  EXPECT_THAT(Run(std::string((1 << 20) + 1, '\n')),
              StatusIs(kInvalid, HasSubstr("limit is 1048576")));
  EXPECT_THAT(WarmUp(model_.options, model_.weights(), directory_ / "no"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no")));
}

TEST_F(WarmUpTest, ImportFreezesTheStateOfTheStoredWeights) {
  WriteFile(directory_ / "options.json", FormatModelOptions(model_.options));
  WriteHdf5(directory_ / "weights.hdf5", PublishedDatasets(model_));
  WriteFile(text_path_, "one two\nthree");
  for (const DType storage : {DType::kF32, DType::kBF16}) {
    ImportArguments arguments;
    arguments.options_path = directory_ / "options.json";
    arguments.weights_path = directory_ / "weights.hdf5";
    arguments.output = directory_ / DTypeName(storage);
    arguments.warm_up_path = text_path_;
    arguments.storage = storage;
    Notes notes;
    ASSERT_THAT(ImportModel(arguments, &notes), IsOk());
    const auto package = ModelPackage::Load(arguments.output);
    ASSERT_THAT(package, IsOk());
    ASSERT_TRUE((*package)->warm_state().has_value());
    // The package's weights: rounded to bf16 in the second case.
    ExpectNear(*(*package)->warm_state(),
               Expected((*package)->options(), (*package)->weights(),
                        {{"one", "two"}, {"three"}}));
    EXPECT_THAT((*package)->metadata().at("warm_up"),
                HasSubstr("2 sentences, 3 tokens"));
  }
}

TEST_F(WarmUpTest, ImportNamesTheDatasetThatF16CannotHold) {
  RandomModel model(SmallOptions());
  auto datasets = PublishedDatasets(model);
  elmo::testing::Find(datasets, "CNN/b_cnn_1").values[2] = -7e4f;
  WriteFile(directory_ / "options.json", FormatModelOptions(model.options));
  WriteHdf5(directory_ / "weights.hdf5", datasets);
  ImportArguments arguments;
  arguments.options_path = directory_ / "options.json";
  arguments.weights_path = directory_ / "weights.hdf5";
  arguments.output = directory_ / "package";
  arguments.storage = DType::kF16;
  Notes notes;
  EXPECT_THAT(ImportModel(arguments, &notes),
              StatusIs(kInvalid, HasSubstr("dataset CNN/b_cnn_1: the value "
                                           "-70000 cannot be stored as F16")));
}

}  // namespace
}  // namespace elmo
