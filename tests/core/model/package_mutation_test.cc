// Damages a package in tens of thousands of ways. Each time it must either be
// refused with a message that names the file, or load bit for bit as it was.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/model/model_package.h"
#include "core/model/package_writer.h"
#include "nlohmann/json.hpp"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::RandomModel;
using elmo::testing::ReadFile;
using elmo::testing::SameBits;
using elmo::testing::SmallOptions;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteFile;
using nlohmann::json;

// As few bytes as a model with every kind of tensor can have.
ModelOptions TinyOptions() {
  ModelOptions options = SmallOptions();
  options.lstm.dim = 3;
  options.lstm.projection_dim = 2;
  options.lstm.num_layers = 1;
  options.char_cnn.filters = {{2, 3}};
  options.char_cnn.embedding_dim = 1;
  return options;
}

class PackageMutationTest : public ::testing::Test {
 protected:
  enum class Outcome { kRefused, kUnchanged, kWrong };

  void SetUp() override {
    PackageContents contents = model_.Contents();
    contents.warm_state = model_.warm_state;
    ASSERT_THAT(WritePackage(contents, path_), IsOk());
    tensors_ = ReadFile(tensors_path_);
    options_ = ReadFile(options_path_);
    std::memcpy(&header_bytes_, tensors_.data(), 8);
    ASSERT_EQ(Load(), Outcome::kUnchanged);
  }

  Outcome Load() const {
    const auto package = ModelPackage::Load(path_);
    if (!package.ok()) {
      // The message tells where to look, in one line of sane length.
      const absl::string_view message = package.status().message();
      const bool named = absl::StartsWith(message, path_);
      const bool sane =
          message.size() < 1000 && !absl::StrContains(message, '\n');
      return named && sane ? Outcome::kRefused : Outcome::kWrong;
    }
    const bool same =
        SameBits(model_.layout, (*package)->weights(), model_.weights()) &&
        (*package)->warm_state().has_value() &&
        SameBits((*package)->warm_state()->h, model_.warm_state.h) &&
        SameBits((*package)->warm_state()->c, model_.warm_state.c) &&
        (*package)->name() == "random" &&
        FormatModelOptions((*package)->options()) ==
            FormatModelOptions(model_.options);
    return same ? Outcome::kUnchanged : Outcome::kWrong;
  }

  Outcome LoadWithTensors(const std::string& tensors) const {
    WriteFile(tensors_path_, tensors);
    return Load();
  }

  Outcome LoadWithOptions(const std::string& options) const {
    WriteFile(options_path_, options);
    return Load();
  }

  std::string Header() const { return tensors_.substr(8, header_bytes_); }

  // The file with another header, whose length is right.
  std::string WithHeader(const std::string& header) const {
    const uint64_t size = header.size();
    std::string length(8, '\0');
    std::memcpy(length.data(), &size, 8);
    return length + header + tensors_.substr(8 + header_bytes_);
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "model";
  const std::string tensors_path_ = path_ + "/model.safetensors";
  const std::string options_path_ = path_ + "/options.json";
  const RandomModel model_{TinyOptions()};
  std::string tensors_;
  std::string options_;
  uint64_t header_bytes_ = 0;
};

TEST_F(PackageMutationTest, EveryBitOfTheHeaderCounts) {
  for (size_t byte = 0; byte < 8 + header_bytes_; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string mutant = tensors_;
      mutant[byte] = static_cast<char>(mutant[byte] ^ (1 << bit));
      ASSERT_EQ(LoadWithTensors(mutant), Outcome::kRefused)
          << "byte " << byte << " bit " << bit;
    }
  }
}

TEST_F(PackageMutationTest, EveryByteOfTheDataCounts) {
  std::mt19937 random(1);
  for (size_t byte = 8 + header_bytes_; byte < tensors_.size(); ++byte) {
    std::string mutant = tensors_;
    mutant[byte] = static_cast<char>(mutant[byte] ^ (1 << (random() % 8)));
    ASSERT_EQ(LoadWithTensors(mutant), Outcome::kRefused) << "byte " << byte;
  }
}

TEST_F(PackageMutationTest, EveryBitOfTheOptionsCounts) {
  for (size_t byte = 0; byte < options_.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string mutant = options_;
      mutant[byte] = static_cast<char>(mutant[byte] ^ (1 << bit));
      ASSERT_EQ(LoadWithOptions(mutant), Outcome::kRefused)
          << "byte " << byte << " bit " << bit;
    }
  }
}

TEST_F(PackageMutationTest, EveryTruncationIsRefused) {
  for (size_t size = 0; size < options_.size(); ++size) {
    ASSERT_EQ(LoadWithOptions(options_.substr(0, size)), Outcome::kRefused)
        << size;
  }
  WriteFile(options_path_, options_);
  for (size_t size = 0; size < tensors_.size(); ++size) {
    ASSERT_EQ(LoadWithTensors(tensors_.substr(0, size)), Outcome::kRefused)
        << size;
  }
}

TEST_F(PackageMutationTest, BytesAddedOrLostAreRefused) {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    const size_t at = random() % tensors_.size();
    const size_t count = 1 + random() % 16;
    std::string mutant = tensors_;
    mutant.insert(at, count, static_cast<char>(random()));
    ASSERT_NE(LoadWithTensors(mutant), Outcome::kWrong) << i;
    mutant = tensors_;
    mutant.erase(at, count);
    ASSERT_EQ(LoadWithTensors(mutant), Outcome::kRefused) << i;
  }
  ASSERT_EQ(LoadWithTensors(tensors_ + '\0'), Outcome::kRefused);
  ASSERT_EQ(LoadWithTensors(tensors_ + tensors_), Outcome::kRefused);
}

TEST_F(PackageMutationTest, FilledAndSwappedRangesAreRefused) {
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    const size_t begin = random() % (tensors_.size() - 1);
    const size_t size = 1 + random() % (tensors_.size() - begin);
    std::string mutant = tensors_;
    const int kind = i % 3;
    if (kind < 2) {
      mutant.replace(begin, size, size, kind == 0 ? '\0' : '\xff');
    } else {
      const size_t from = random() % (tensors_.size() - size + 1);
      mutant.replace(begin, size, tensors_, from, size);
    }
    if (mutant == tensors_) continue;
    ASSERT_EQ(LoadWithTensors(mutant), Outcome::kRefused)
        << i << ": " << begin << "+" << size;
  }
}

TEST_F(PackageMutationTest, HeaderLengthsThatLieAreRefused) {
  std::vector<uint64_t> lengths = {UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8};
  for (int bit = 0; bit < 64; ++bit) {
    for (const int64_t delta : {-9, -8, -1, 0, 1, 7, 8}) {
      lengths.push_back((uint64_t{1} << bit) + static_cast<uint64_t>(delta));
    }
  }
  for (uint64_t length = 0; length < tensors_.size() + 64; ++length) {
    lengths.push_back(length);
  }
  for (const uint64_t length : lengths) {
    if (length == header_bytes_) continue;
    std::string mutant = tensors_;
    std::memcpy(mutant.data(), &length, 8);
    ASSERT_EQ(LoadWithTensors(mutant), Outcome::kRefused) << length;
  }
}

TEST_F(PackageMutationTest, HostileHeaderValuesAreRefused) {
  const std::vector<json> kValues = {
      nullptr,
      true,
      0,
      1,
      -1,
      1.5,
      INT64_MIN,
      INT64_MAX,
      UINT64_MAX,
      "",
      "F16",
      "BF16",
      "I64",
      json::array(),
      json::object(),
      json::array({0, 0}),
      json::array({INT64_MAX, INT64_MAX}),
      json::array({UINT64_MAX, 4}),
      json::array({4, UINT64_MAX}),
      json::array({-1, -1}),
      json::array({uint64_t{1} << 32, uint64_t{1} << 32}),
      std::string(5000, 'x')};
  const json header = json::parse(Header()).flatten();
  for (const auto& [pointer, original] : header.items()) {
    for (json::json_pointer target(pointer); !target.empty();
         target.pop_back()) {
      for (const json& value : kValues) {
        json mutant = json::parse(Header());
        if (mutant[target] == value) continue;
        mutant[target] = value;
        ASSERT_EQ(LoadWithTensors(WithHeader(mutant.dump())), Outcome::kRefused)
            << target << " = " << value;
      }
    }
  }
}

TEST_F(PackageMutationTest, OverlappingAndSwappedOffsetsAreRefused) {
  const json header = json::parse(Header());
  for (const auto& [a, tensor_a] : header.items()) {
    for (const auto& [b, tensor_b] : header.items()) {
      if (a == b || a == "__metadata__" || b == "__metadata__") continue;
      json mutant = header;
      mutant[a]["data_offsets"] = tensor_b["data_offsets"];
      ASSERT_EQ(LoadWithTensors(WithHeader(mutant.dump())), Outcome::kRefused)
          << a << " over " << b;
      mutant[b]["data_offsets"] = tensor_a["data_offsets"];
      ASSERT_EQ(LoadWithTensors(WithHeader(mutant.dump())), Outcome::kRefused)
          << a << " for " << b;
    }
  }
}

TEST_F(PackageMutationTest, AnotherSpellingOfTheSameHeaderIsHarmless) {
  const json header = json::parse(Header());
  EXPECT_EQ(LoadWithTensors(WithHeader(header.dump(3))), Outcome::kUnchanged);
  EXPECT_EQ(LoadWithTensors(WithHeader(header.dump() + " \n\t")),
            Outcome::kUnchanged);
}

TEST_F(PackageMutationTest, HostileOptionsAreRefused) {
  const std::vector<json> kValues = {nullptr,
                                     true,
                                     0,
                                     1,
                                     -1,
                                     1.5,
                                     INT64_MIN,
                                     INT64_MAX,
                                     UINT64_MAX,
                                     1e308,
                                     "",
                                     "tanh",
                                     json::array(),
                                     json::object(),
                                     json::array({1, INT64_MAX}),
                                     json::array({json::array({1, 32768})}),
                                     std::string(5000, 'x')};
  const json options = json::parse(options_).flatten();
  for (const auto& [pointer, original] : options.items()) {
    for (json::json_pointer target(pointer); !target.empty();
         target.pop_back()) {
      for (const json& value : kValues) {
        json mutant = json::parse(options_);
        mutant[target] = value;
        ASSERT_EQ(LoadWithOptions(mutant.dump()), Outcome::kRefused)
            << target << " = " << value;
      }
    }
  }
}

}  // namespace
}  // namespace elmo
