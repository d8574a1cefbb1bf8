#include "core/model/model_package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/model/float_formats.h"
#include "core/model/package_writer.h"
#include "core/model/sha256.h"
#include "core/model/weight_layout.h"
#include "core/model/weight_sink.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::AllLayouts;
using elmo::testing::IsOk;
using elmo::testing::NamedOptions;
using elmo::testing::RandomModel;
using elmo::testing::ReadFile;
using elmo::testing::SameBits;
using elmo::testing::SmallOptions;
using elmo::testing::StatusIs;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// A written package whose parts the tests then spoil.
class ModelPackageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PackageContents contents = model_.Contents();
    contents.warm_state = model_.warm_state;
    ASSERT_THAT(WritePackage(contents, path_), IsOk());
  }

  absl::StatusOr<std::unique_ptr<ModelPackage>> Load() const {
    return ModelPackage::Load(path_);
  }

  // Writes model.safetensors anew from what `change` makes of its parts, with
  // a digest that fits: as a wrong program would, not a bad disk.
  template <typename Change>
  void Rewrite(Change change) {
    const std::string file_path = path_ + "/model.safetensors";
    Metadata metadata;
    std::vector<TensorBytes> tensors;
    std::vector<std::string> bytes;
    {
      const auto file = SafetensorsFile::Open(file_path);
      ASSERT_THAT(file, IsOk());
      metadata = file->header().metadata;
      bytes.reserve(file->header().tensors.size());
      for (const TensorInfo& info : file->header().tensors) {
        bytes.emplace_back(info.end - info.begin, '\0');
        ASSERT_THAT(file->ReadData(info.begin, bytes.back().data(),
                                   bytes.back().size()),
                    IsOk());
        tensors.push_back({info.name, info.dtype, info.shape, bytes.back()});
      }
    }
    change(&metadata, &tensors);
    std::map<std::string, TensorDigest> digests;
    for (const TensorBytes& tensor : tensors) {
      digests[tensor.name] = {tensor.dtype, tensor.shape,
                              Sha256Hex(tensor.bytes)};
    }
    metadata["sha256"] = ContentDigest(metadata, digests);
    std::filesystem::remove(file_path);
    ASSERT_THAT(WriteSafetensors(file_path, metadata, tensors), IsOk());
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "model";
  const RandomModel model_{SmallOptions()};
};

TEST_F(ModelPackageTest, LoadsWhatWasWritten) {
  const auto package = Load();
  ASSERT_THAT(package, IsOk());
  EXPECT_EQ((*package)->name(), "random");
  EXPECT_EQ(FormatModelOptions((*package)->options()),
            FormatModelOptions(model_.options));
  EXPECT_TRUE(SameBits(model_.layout, (*package)->weights(), model_.weights()));
  ASSERT_TRUE((*package)->warm_state().has_value());
  EXPECT_TRUE(SameBits((*package)->warm_state()->h, model_.warm_state.h));
  EXPECT_TRUE(SameBits((*package)->warm_state()->c, model_.warm_state.c));
  EXPECT_EQ((*package)->storage(), "F32");
}

TEST_F(ModelPackageTest, ChecksumIsTheSha256OfTheTensorFile) {
  const std::string file = ReadFile(path_ + "/model.safetensors");
  EXPECT_EQ((*Load())->checksum(), Sha256Hex(file));
  EXPECT_EQ((*Load())->file_bytes(), file.size());
}

TEST_F(ModelPackageTest, OutlivesItsFiles) {
  const auto package = Load();
  ASSERT_THAT(package, IsOk());
  std::filesystem::resize_file(path_ + "/model.safetensors", 0);
  std::filesystem::remove_all(path_);
  EXPECT_TRUE(SameBits(model_.layout, (*package)->weights(), model_.weights()));
}

TEST_F(ModelPackageTest, WeightsAreAligned) {
  const auto package = Load();
  ASSERT_THAT(package, IsOk());
  const auto matrices = model_.layout.List((*package)->weights());
  ASSERT_THAT(matrices, IsOk());
  for (const ConstMatrix& matrix : *matrices) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(matrix.data()) % 64, 0u);
  }
}

TEST_F(ModelPackageTest, MissingFilesAreNamed) {
  std::filesystem::remove(path_ + "/model.safetensors");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("model.safetensors: cannot open")));
  std::filesystem::remove(path_ + "/options.json");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("options.json: cannot open")));
}

TEST_F(ModelPackageTest, AFileInPlaceOfTheFolderIsRefusedSayingSo) {
  EXPECT_THAT(
      ModelPackage::Load(path_ + "/model.safetensors"),
      StatusIs(kInvalid, HasSubstr("is a file; a package is the folder")));
}

TEST_F(ModelPackageTest, OptionsThatWereEditedAreRefused) {
  std::string text = ReadFile(path_ + "/options.json");
  text.replace(text.find("2.5"), 3, "2.0");
  WriteFile(path_ + "/options.json", text);
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("options.json: was changed")));
}

TEST_F(ModelPackageTest, OptionsErrorsNameFileAndKey) {
  std::string text = ReadFile(path_ + "/options.json");
  text.replace(text.find("relu"), 4, "gelu");
  WriteFile(path_ + "/options.json", text);
  EXPECT_THAT(Load(),
              StatusIs(kInvalid, AllOf(HasSubstr("options.json: "),
                                       HasSubstr("char_cnn.activation"))));
}

TEST_F(ModelPackageTest, DimensionsOfAnotherModelAreRefused) {
  RandomModel other([] {
    ModelOptions options = SmallOptions();
    options.lstm.dim = 7;
    return options;
  }());
  WriteFile(path_ + "/options.json", FormatModelOptions(other.options));
  EXPECT_THAT(Load(), StatusIs(kInvalid, AllOf(HasSubstr("metadata dims"),
                                               HasSubstr("lstm.dim=7"))));
}

TEST_F(ModelPackageTest, UnknownFormatVersionIsRefused) {
  Rewrite([](Metadata* metadata, std::vector<TensorBytes>*) {
    (*metadata)["elmo_format"] = "2";
  });
  EXPECT_THAT(Load(), StatusIs(kInvalid, HasSubstr("elmo_format is \"2\"")));
}

TEST_F(ModelPackageTest, UnusableNamesAreRefused) {
  for (const std::string name :
       {"", "a b", "../x", ".hidden", "-flag", "a\nb", "\xc3\xa4"}) {
    Rewrite([&](Metadata* metadata, std::vector<TensorBytes>*) {
      (*metadata)["name"] = name;
    });
    EXPECT_THAT(Load(), StatusIs(kInvalid, HasSubstr("metadata name")));
  }
}

TEST_F(ModelPackageTest, MissingTensorsAreNamed) {
  Rewrite([](Metadata*, std::vector<TensorBytes>* tensors) {
    tensors->erase(tensors->begin() + 5);
  });
  EXPECT_THAT(Load(), StatusIs(kInvalid, HasSubstr("tensor \"highway.0.carry."
                                                   "weight\" is missing")));
}

TEST_F(ModelPackageTest, HalfAWarmStateIsRefused) {
  Rewrite([](Metadata*, std::vector<TensorBytes>* tensors) {
    tensors->pop_back();
  });
  EXPECT_THAT(Load(),
              StatusIs(kInvalid, HasSubstr("tensor \"warm.c\" is missing")));
}

TEST_F(ModelPackageTest, UnknownTensorsAreRefused) {
  Rewrite([](Metadata*, std::vector<TensorBytes>* tensors) {
    tensors->push_back({"extra", DType::kF32, {1}, "abcd"});
  });
  EXPECT_THAT(Load(), StatusIs(kInvalid, HasSubstr("tensor \"extra\" is not")));
}

TEST_F(ModelPackageTest, TransposedTensorsAreRefused) {
  Rewrite([](Metadata*, std::vector<TensorBytes>* tensors) {
    (*tensors)[0].shape = {3, 261};
  });
  EXPECT_THAT(Load(), StatusIs(kInvalid, HasSubstr("\"char_cnn.embedding\" has "
                                                   "shape 3x261; must be "
                                                   "261x3")));
}

TEST_F(ModelPackageTest, NotANumberIsRefusedNamingTensorAndElement) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          -std::numeric_limits<float>::infinity()}) {
    std::string bytes;
    Rewrite([&](Metadata*, std::vector<TensorBytes>* tensors) {
      bytes = std::string((*tensors)[1].bytes);
      std::memcpy(bytes.data() + 8, &bad, sizeof bad);
      (*tensors)[1].bytes = bytes;
    });
    EXPECT_THAT(
        Load(),
        StatusIs(kInvalid, AllOf(HasSubstr("\"char_cnn.convolution.0.weight\""),
                                 HasSubstr("at element 2"))));
  }
}

TEST_F(ModelPackageTest, DamagedTensorBytesAreRefused) {
  std::string file = ReadFile(path_ + "/model.safetensors");
  file[file.size() - 100] ^= 1;
  WriteFile(path_ + "/model.safetensors", file);
  EXPECT_THAT(Load(),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("is damaged"), HasSubstr("SHA-256"))));
}

void InTurn(absl::FunctionRef<void()> one, absl::FunctionRef<void()> other) {
  other();
  one();
}

void AtTheSameTime(absl::FunctionRef<void()> one,
                   absl::FunctionRef<void()> other) {
  std::thread thread(other);
  one();
  thread.join();
}

// Copies the weights that it is given into a buffer, and counts.
class CopyingSink : public WeightSink {
 public:
  absl::Status Begin(const ModelOptions& options) override {
    EXPECT_EQ(begun_++, 0);
    layout_.emplace(options);
    buffer_.resize(layout_->buffer_size());
    copy_ = layout_->View(buffer_.data());
    return absl::OkStatus();
  }
  absl::Status TakeCharCnn(const CharCnnWeights& weights) override {
    ModelWeights whole = copy_;
    whole.char_cnn = weights;
    return Take(whole);
  }
  absl::Status TakeCell(int direction, int layer,
                        const LstmCellWeights& weights) override {
    ModelWeights whole = copy_;
    (direction == 0 ? whole.forward : whole.backward)[layer] = weights;
    return Take(whole);
  }

  // The call that fails, from 1; 0: none.
  void FailAt(int call) { fail_at_ = call; }
  int begun() const { return begun_; }
  int calls() const { return calls_; }
  const ModelWeights& copy() const { return copy_; }

 private:
  absl::Status Take(const ModelWeights& whole) {
    EXPECT_EQ(begun_, 1);
    if (++calls_ == fail_at_) return absl::AbortedError("enough");
    const auto from = layout_->List(whole);
    if (!from.ok()) return from.status();
    for (size_t i = 0; i < from->size(); ++i) {
      std::memmove(buffer_.data() + layout_->tensors()[i].offset,
                   (*from)[i].data(), (*from)[i].size() * sizeof(float));
    }
    return absl::OkStatus();
  }

  int fail_at_ = 0;
  int begun_ = 0;
  int calls_ = 0;
  std::optional<WeightLayout> layout_;
  std::vector<float> buffer_;
  ModelWeights copy_;
};

TEST_F(ModelPackageTest, SinkGetsAllWeightsInPartsAndThePackageTheRest) {
  const auto whole = Load();
  ASSERT_THAT(whole, IsOk());
  CopyingSink sink;
  const auto package = ModelPackage::LoadInto(path_, &sink, InTurn);
  ASSERT_THAT(package, IsOk());
  EXPECT_EQ(sink.calls(), 5);  // The CNN, two layers in two directions.
  EXPECT_TRUE(SameBits(model_.layout, sink.copy(), model_.weights()));
  EXPECT_EQ((*package)->checksum(), (*whole)->checksum());
  EXPECT_EQ((*package)->storage(), (*whole)->storage());
  EXPECT_EQ((*package)->file_bytes(), (*whole)->file_bytes());
  ASSERT_TRUE((*package)->warm_state().has_value());
  EXPECT_TRUE(SameBits((*package)->warm_state()->h, model_.warm_state.h));
  EXPECT_TRUE((*package)->weights().forward.empty());
}

TEST_F(ModelPackageTest, SinkGetsTheSameWhateverTheOrderInTheFile) {
  const std::string file = path_ + "/model.safetensors";
  const auto by_name = [](const TensorBytes& a, const TensorBytes& b) {
    return a.name < b.name;
  };
  // The last word of the name first: the parts are all open until the end.
  const auto by_end = [](const TensorBytes& a, const TensorBytes& b) {
    return std::make_pair(a.name.substr(a.name.rfind('.')), a.name) <
           std::make_pair(b.name.substr(b.name.rfind('.')), b.name);
  };
  const std::function<void(std::vector<TensorBytes>*)> orders[] = {
      [](auto* tensors) { std::reverse(tensors->begin(), tensors->end()); },
      [&](auto* tensors) {
        std::sort(tensors->begin(), tensors->end(), by_name);
      },
      [&](auto* tensors) {
        std::sort(tensors->begin(), tensors->end(), by_end);
      }};
  for (const auto& order : orders) {
    Rewrite(
        [&](Metadata*, std::vector<TensorBytes>* tensors) { order(tensors); });
    CopyingSink sink;
    const auto package = ModelPackage::LoadInto(path_, &sink, InTurn);
    ASSERT_THAT(package, IsOk());
    EXPECT_EQ(sink.calls(), 5);
    EXPECT_TRUE(SameBits(model_.layout, sink.copy(), model_.weights()));
    EXPECT_EQ((*package)->checksum(), Sha256Hex(ReadFile(file)));
  }
}

TEST_F(ModelPackageTest, SinkIsNotBegunForAHeaderThatIsWrong) {
  Rewrite([](Metadata*, std::vector<TensorBytes>* tensors) {
    tensors->pop_back();
  });
  CopyingSink sink;
  EXPECT_THAT(ModelPackage::LoadInto(path_, &sink, InTurn),
              StatusIs(kInvalid, HasSubstr("missing")));
  EXPECT_EQ(sink.begun(), 0);
}

TEST_F(ModelPackageTest, DamageIsFoundThoughTheSinkHasEverything) {
  std::string file = ReadFile(path_ + "/model.safetensors");
  file[file.size() - 100] ^= 1;
  WriteFile(path_ + "/model.safetensors", file);
  CopyingSink sink;
  EXPECT_THAT(ModelPackage::LoadInto(path_, &sink, InTurn),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is damaged")));
  EXPECT_EQ(sink.calls(), 5);
}

TEST_F(ModelPackageTest, SinkNeverSeesAPartWithNaN) {
  Rewrite([](Metadata*, std::vector<TensorBytes>* tensors) {
    static const float kNaN = std::numeric_limits<float>::quiet_NaN();
    static std::string bytes;
    for (TensorBytes& tensor : *tensors) {
      if (tensor.name != "lstm.forward.1.weight") continue;
      bytes = std::string(tensor.bytes);
      std::memcpy(bytes.data() + bytes.size() - sizeof kNaN, &kNaN,
                  sizeof kNaN);
      tensor.bytes = bytes;
    }
  });
  CopyingSink sink;
  EXPECT_THAT(ModelPackage::LoadInto(path_, &sink, InTurn),
              StatusIs(kInvalid, HasSubstr("lstm.forward.1.weight")));
  EXPECT_EQ(sink.calls(), 2);  // The CNN, the forward layer before it.
}

TEST_F(ModelPackageTest, TwoThreadsReadTheSame) {
  const auto alone = Load();
  ASSERT_THAT(alone, IsOk());
  CopyingSink sink;
  const auto package = ModelPackage::LoadInto(path_, &sink, AtTheSameTime);
  ASSERT_THAT(package, IsOk());
  EXPECT_EQ((*package)->checksum(), (*alone)->checksum());
  EXPECT_TRUE(SameBits(model_.layout, sink.copy(), model_.weights()));
}

TEST_F(ModelPackageTest, ErrorOfTheSinkEndsTheLoading) {
  CopyingSink sink;
  sink.FailAt(2);
  EXPECT_THAT(ModelPackage::LoadInto(path_, &sink, InTurn),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("enough")));
  EXPECT_EQ(sink.calls(), 2);
}

TEST(ModelPackageLayoutTest, EveryLayoutSurvivesTheRoundTrip) {
  const TemporaryDirectory directory;
  for (const NamedOptions& layout : AllLayouts()) {
    const RandomModel model(layout.options);
    ASSERT_THAT(WritePackage(model.Contents(), directory / layout.name), IsOk())
        << layout.name;
    const auto package = ModelPackage::Load(directory / layout.name);
    ASSERT_THAT(package, IsOk()) << layout.name;
    EXPECT_TRUE(SameBits(model.layout, (*package)->weights(), model.weights()))
        << layout.name;
    EXPECT_FALSE((*package)->warm_state().has_value());
  }
}

// What 16-bit storage makes of the weights.
template <typename Round>
RandomModel Rounded(Round round) {
  RandomModel model(SmallOptions());
  for (float& value : model.buffer) value = round(value);
  return model;
}

TEST(ModelPackageStorageTest, SixteenBitStorageWidensToTheRoundedWeights) {
  const TemporaryDirectory directory;
  const RandomModel exact(SmallOptions());
  PackageContents contents = exact.Contents();
  contents.warm_state = exact.warm_state;
  contents.storage = DType::kF16;
  ASSERT_THAT(WritePackage(contents, directory / "f16"), IsOk());
  contents.storage = DType::kBF16;
  ASSERT_THAT(WritePackage(contents, directory / "bf16"), IsOk());

  const auto f16 = ModelPackage::Load(directory / "f16");
  ASSERT_THAT(f16, IsOk());
  const RandomModel halves =
      Rounded([](float v) { return HalfToFloat(FloatToHalf(v)); });
  EXPECT_TRUE(SameBits(exact.layout, (*f16)->weights(), halves.weights()));
  EXPECT_EQ((*f16)->storage(), "F16");
  // The state is not rounded.
  EXPECT_TRUE(SameBits((*f16)->warm_state()->c, exact.warm_state.c));

  const auto bf16 = ModelPackage::Load(directory / "bf16");
  ASSERT_THAT(bf16, IsOk());
  const RandomModel shorts =
      Rounded([](float v) { return BFloat16ToFloat(FloatToBFloat16(v)); });
  EXPECT_TRUE(SameBits(exact.layout, (*bf16)->weights(), shorts.weights()));
  EXPECT_EQ((*bf16)->storage(), "BF16");
}

}  // namespace
}  // namespace elmo
