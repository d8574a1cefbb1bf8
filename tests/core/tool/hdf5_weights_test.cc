#include "core/tool/hdf5_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "core/model/model_package.h"
#include "core/tool/import_model.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/core/tool/hdf5_file.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::AllLayouts;
using elmo::testing::Find;
using elmo::testing::Hdf5Dataset;
using elmo::testing::IsOk;
using elmo::testing::NamedOptions;
using elmo::testing::PublishedDatasets;
using elmo::testing::RandomModel;
using elmo::testing::ReadFile;
using elmo::testing::SameBits;
using elmo::testing::SharedData;
using elmo::testing::SmallOptions;
using elmo::testing::StatusIs;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteHdf5;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// One dataset by the library, for comparison.
std::vector<float> ReadDataset(hid_t file, const std::string& name) {
  const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  EXPECT_GE(dataset, 0) << name;
  const hid_t space = H5Dget_space(dataset);
  std::vector<float> values(
      static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
  EXPECT_GE(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                    values.data()),
            0);
  H5Sclose(space);
  H5Dclose(dataset);
  return values;
}

TEST(ImportFixtureTest, EveryWeightOfTheFixtureArrivesBitForBit) {
  const std::string fixture = SharedData("fixtures/allennlp-elmo");
  if (fixture.empty()) GTEST_SKIP() << "shared fixtures are not here";
  const TemporaryDirectory directory;
  ImportArguments arguments;
  arguments.options_path = fixture + "/options.json";
  arguments.weights_path = fixture + "/lm_weights.hdf5";
  arguments.output = directory / "fixture";
  Notes notes;
  ASSERT_THAT(ImportModel(arguments, &notes), IsOk());
  EXPECT_TRUE(notes.empty());

  const auto package = ModelPackage::Load(arguments.output);
  ASSERT_THAT(package, IsOk());
  EXPECT_EQ((*package)->name(), "fixture");
  EXPECT_EQ(NumParameters((*package)->options()), 105120);
  EXPECT_EQ(ReadFile(arguments.output + "/options.json"),
            ReadFile(arguments.options_path));
  EXPECT_EQ((*package)->metadata().at("source_weights_sha256"),
            "dfdfd3001b5965b4b6ef857ac772b6624984f8248eaae08fb9be6d1b51ad8755");

  const WeightLayout layout((*package)->options());
  const auto matrices = layout.List((*package)->weights());
  ASSERT_THAT(matrices, IsOk());
  const hid_t file =
      H5Fopen(arguments.weights_path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  for (size_t i = 0; i < matrices->size(); ++i) {
    const ConstMatrix& matrix = (*matrices)[i];
    const std::vector<float> actual(matrix.data(),
                                    matrix.data() + matrix.size());
    EXPECT_TRUE(
        SameBits(actual, ReadDataset(file, layout.tensors()[i].published)))
        << layout.tensors()[i].published;
  }
  H5Fclose(file);
}

class Hdf5WeightsTest : public ::testing::Test {
 protected:
  absl::StatusOr<Hdf5Weights> Read() const {
    return Read(model_.options, datasets_);
  }
  absl::StatusOr<Hdf5Weights> Read(
      const ModelOptions& options,
      const std::vector<Hdf5Dataset>& datasets) const {
    WriteHdf5(path_, datasets);
    return ReadHdf5Weights(path_, options);
  }

  bool IsModel(const absl::StatusOr<Hdf5Weights>& weights,
               const RandomModel& model) const {
    return weights.ok() &&
           SameBits(model.layout, model.layout.View(weights->buffer.data()),
                    model.weights());
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "weights.hdf5";
  const RandomModel model_{SmallOptions()};
  std::vector<Hdf5Dataset> datasets_ = PublishedDatasets(model_);
};

TEST_F(Hdf5WeightsTest, ReadsEveryPublishedLayout) {
  for (const NamedOptions& layout : AllLayouts()) {
    const RandomModel model(layout.options);
    ModelOptions asked = layout.options;  // As options.json tells them.
    asked.lstm.square_projection = asked.char_cnn.square_projection = false;
    const auto weights = Read(asked, PublishedDatasets(model));
    ASSERT_THAT(weights, IsOk()) << layout.name;
    EXPECT_EQ(weights->options.lstm.square_projection,
              layout.options.lstm.square_projection);
    EXPECT_EQ(weights->options.char_cnn.square_projection,
              layout.options.char_cnn.square_projection);
    EXPECT_TRUE(IsModel(weights, model)) << layout.name;
    EXPECT_TRUE(weights->notes.empty());
  }
}

TEST_F(Hdf5WeightsTest, ReadsBigEndianNumbers) {
  for (Hdf5Dataset& dataset : datasets_) dataset.type = H5T_IEEE_F32BE;
  EXPECT_TRUE(IsModel(Read(), model_));
}

TEST_F(Hdf5WeightsTest, ReadsChunksThatArePackedWithGzip) {
  Hdf5Dataset& dataset = Find(datasets_, "char_embed");
  dataset.properties = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {100, 2};
  H5Pset_chunk(dataset.properties, 2, chunk);
  H5Pset_shuffle(dataset.properties);
  H5Pset_deflate(dataset.properties, 9);
  H5Pset_fletcher32(dataset.properties);
  const auto weights = Read();
  ASSERT_THAT(weights, IsOk());
  EXPECT_TRUE(IsModel(weights, model_));
  H5Pclose(dataset.properties);
}

TEST_F(Hdf5WeightsTest, EveryMissingDatasetIsNamed) {
  for (const WeightTensor& tensor : model_.layout.tensors()) {
    std::vector<Hdf5Dataset> datasets = datasets_;
    Remove(datasets, tensor.published);
    EXPECT_THAT(
        Read(model_.options, datasets),
        StatusIs(kInvalid, AllOf(HasSubstr(path_),
                                 HasSubstr("dataset \"" + tensor.published +
                                           "\" is missing"))));
  }
}

TEST_F(Hdf5WeightsTest, EveryWrongShapeIsNamed) {
  for (const WeightTensor& tensor : model_.layout.tensors()) {
    std::vector<Hdf5Dataset> datasets = datasets_;
    Hdf5Dataset& dataset = Find(datasets, tensor.published);
    dataset.dims.back() += 1;
    dataset.values.resize(dataset.values.size() * 2);
    EXPECT_THAT(Read(model_.options, datasets),
                StatusIs(kInvalid, HasSubstr("dataset \"" + tensor.published +
                                             "\" has shape ")));
  }
}

TEST_F(Hdf5WeightsTest, ShapesAreExact) {
  Find(datasets_, "char_embed").dims = {3, 261};
  EXPECT_THAT(Read(), StatusIs(kInvalid,
                               HasSubstr("\"char_embed\" has shape 3x261; must "
                                         "be 261x3")));
  Find(datasets_, "char_embed").dims = {262, 3};
  Find(datasets_, "char_embed").values.resize(262 * 3);
  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("has shape 262x3")));
  datasets_ = PublishedDatasets(model_);
  Find(datasets_, "CNN/W_cnn_1").dims = {3, 3, 5};
  EXPECT_THAT(Read(),
              StatusIs(kInvalid, HasSubstr("\"CNN/W_cnn_1\" has shape 3x3x5; "
                                           "must be 1x3x3x5")));
}

TEST_F(Hdf5WeightsTest, SingleValuesHaveNoDimensions) {
  Find(datasets_, "CNN_proj/b_proj").dims = {};
  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("\"CNN_proj/b_proj\" has no "
                                                   "dimensions; must be 4")));
}

TEST_F(Hdf5WeightsTest, OtherTypesAreNamed) {
  const struct {
    hid_t type;
    const char* name;
  } kTypes[] = {{H5T_IEEE_F64LE, "is float64; must be float32"},
                {H5T_STD_I32LE, "is int32; must be float32"},
                {H5T_STD_U8LE, "is int8; must be float32"}};
  for (const auto& type : kTypes) {
    Find(datasets_, "CNN_proj/b_proj").type = type.type;
    EXPECT_THAT(Read(),
                StatusIs(kInvalid, AllOf(HasSubstr("\"CNN_proj/b_proj\""),
                                         HasSubstr(type.name))));
  }
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  Find(datasets_, "CNN_proj/b_proj").type = half;
  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("is float16; must be")));
  H5Tclose(half);
}

TEST_F(Hdf5WeightsTest, ValuesThatAreNotFiniteAreNamed) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()}) {
    Find(datasets_, "CNN_high_0/W_transform").values[6] = bad;
    EXPECT_THAT(Read(),
                StatusIs(kInvalid, AllOf(HasSubstr("CNN_high_0/W_transform"),
                                         HasSubstr("at element 6"))));
  }
}

TEST_F(Hdf5WeightsTest, LayersAboveTheOptionsAreIgnoredWithANote) {
  ModelOptions first_layer = SmallOptions();
  first_layer.lstm.num_layers = 1;
  const auto weights = Read(first_layer, datasets_);
  ASSERT_THAT(weights, IsOk());
  EXPECT_THAT(weights->notes,
              ElementsAre(HasSubstr("ignored 6 datasets of higher layers")));
  const WeightLayout layout(first_layer);
  const ModelWeights read = layout.View(weights->buffer.data());
  EXPECT_EQ(read.backward[0].weight(0, 0),
            model_.weights().backward[0].weight(0, 0));
}

TEST_F(Hdf5WeightsTest, DatasetsOfAnotherModelAreRefused) {
  for (const char* name : {"CNN_high_1/W_carry", "CNN/W_cnn_2", "softmax/W",
                           "extra", "RNN_2/RNN/MultiRNNCell/Cell0/LSTMCell/W_0",
                           "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_F_diag",
                           "RNN_0/RNN/MultiRNNCell/Cellx/LSTMCell/W_0"}) {
    std::vector<Hdf5Dataset> datasets = datasets_;
    datasets.push_back({name, {1}, {0}});
    EXPECT_THAT(
        Read(model_.options, datasets),
        StatusIs(kInvalid, AllOf(HasSubstr(std::string("\"") + name + "\""),
                                 HasSubstr("does not belong"))));
  }
}

// A part of the square projections is the projection of nobody's model.
TEST_F(Hdf5WeightsTest, SquareProjectionsMustBeWhole) {
  ModelOptions options = SmallOptions();
  options.char_cnn.filters = {{2, 4}};
  std::vector<Hdf5Dataset> datasets = PublishedDatasets(RandomModel(options));
  datasets.push_back({"CNN_proj/W_proj", {4, 4}, std::vector<float>(16)});
  EXPECT_THAT(Read(options, datasets),
              StatusIs(kInvalid, HasSubstr("\"CNN_proj/b_proj\" is missing")));
  options = SmallOptions();
  options.lstm.dim = 4;
  datasets = PublishedDatasets(RandomModel(options));
  datasets.push_back({"RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_P_0",
                      {4, 4},
                      std::vector<float>(16)});
  EXPECT_THAT(
      Read(options, datasets),
      StatusIs(kInvalid, HasSubstr("Cell0/LSTMCell/W_P_0\" is missing")));
}

TEST_F(Hdf5WeightsTest, WordIdModelsAreRefusedAsSuch) {
  Remove(datasets_, "char_embed");
  datasets_.push_back({"embedding", {7, 4}, std::vector<float>(28)});
  EXPECT_THAT(Read(), StatusIs(kInvalid, AllOf(HasSubstr("\"embedding\""),
                                               HasSubstr("word ids"))));
}

}  // namespace
}  // namespace elmo
