#include "client/cli/vector_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/cli/vector_text.h"
#include "tests/client/cli/temp_dir.h"
#include "tests/testing/status_matchers.h"

namespace elmo::cli {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::elmo::testing::TempDir;
using ::testing::HasSubstr;

// Tokens "w0", "w1", ... with offsets; values count up from `first`.
SentenceVectors Vectors(int64_t layers, int64_t rows, int64_t dim,
                        float first) {
  SentenceVectors vectors;
  vectors.layers = layers;
  vectors.rows = rows;
  vectors.dim = dim;
  vectors.shape = {layers, rows, dim};
  for (int64_t i = 0; i < layers * rows * dim; ++i) {
    vectors.values.push_back(first + static_cast<float>(i));
  }
  for (int64_t i = 0; i < rows; ++i) {
    v1::Token& token = vectors.tokens.emplace_back();
    token.set_text("w" + std::to_string(i));
    token.set_begin(3 * i);
    token.set_end(3 * i + 2);
  }
  return vectors;
}

SentenceVectors Mixed(int64_t rows, int64_t dim, float first) {
  SentenceVectors vectors = Vectors(1, rows, dim, first);
  vectors.shape = {rows, dim};
  return vectors;
}

class VectorWriterTest : public ::testing::Test {
 protected:
  VectorWriterTest()
      : output_(OutputFile::Create(dir_.Path("out")).value()),
        index_(OutputFile::Create(dir_.Path("index")).value()) {}

  std::string Finished(VectorWriter& writer) {
    EXPECT_THAT(writer.Finish(), IsOk());
    EXPECT_THAT(output_->Commit(), IsOk());
    EXPECT_THAT(index_->Commit(), IsOk());
    return dir_.Read("out");
  }

  TempDir dir_;
  std::unique_ptr<OutputFile> output_;
  std::unique_ptr<OutputFile> index_;
};

TEST(AppendFloatTest, ShortestDecimalReadsBackAsTheSameFloat) {
  for (const float value :
       {0.0f, -0.0f, 0.1f, 1.0f / 3, 1e-42f, 3.4028235e38f, -123456.79f}) {
    std::string text;
    AppendFloat(value, &text);
    const float back = std::strtof(text.c_str(), nullptr);
    EXPECT_EQ(std::memcmp(&back, &value, sizeof(value)), 0) << text;
    EXPECT_FALSE(nlohmann::json::parse(text, nullptr, false).is_discarded());
  }
  std::string text;
  AppendFloat(0.1f, &text);
  EXPECT_EQ(text, "0.1");
}

TEST(AppendFloatTest, WhatJsonDoesNotHaveIsNull) {
  std::string text;
  AppendFloat(std::numeric_limits<float>::infinity(), &text);
  AppendFloat(std::numeric_limits<float>::quiet_NaN(), &text);
  EXPECT_EQ(text, "nullnull");
}

TEST_F(VectorWriterTest, JsonlIsAnObjectALine) {
  const auto writer = MakeJsonlWriter(output_.get());
  ASSERT_THAT(writer->Write({0, "", Mixed(2, 3, 0)}), IsOk());
  ASSERT_THAT(writer->Write({1, "\"x\"", Vectors(2, 1, 2, 0.5f)}), IsOk());
  EXPECT_EQ(Finished(*writer),
            R"({"sentence":0,"tokens":["w0","w1"],"offsets":[[0,2],[3,5]],)"
            R"("shape":[2,3],"vectors":[[0,1,2],[3,4,5]]})"
            "\n"
            R"({"sentence":1,"id":"x","tokens":["w0"],"offsets":[[0,2]],)"
            R"("shape":[2,1,2],"vectors":[[[0.5,1.5]],[[2.5,3.5]]]})"
            "\n");
}

TEST_F(VectorWriterTest, JsonlOfAnEmptySentenceIsNestedAsItsShape) {
  const auto writer = MakeJsonlWriter(output_.get());
  ASSERT_THAT(writer->Write({0, "", Vectors(2, 0, 3, 0)}), IsOk());
  const auto json = nlohmann::json::parse(Finished(*writer));
  EXPECT_EQ(json["shape"], nlohmann::json::parse("[2,0,3]"));
  EXPECT_EQ(json["vectors"], nlohmann::json::parse("[[],[]]"));
}

TEST_F(VectorWriterTest, JsonlEscapesTokensAndLeavesOutOffsetsOfOwnTokens) {
  SentenceVectors vectors = Mixed(1, 1, 0);
  vectors.tokens[0].Clear();
  vectors.tokens[0].set_text("\"\n\\河");
  const auto writer = MakeJsonlWriter(output_.get());
  ASSERT_THAT(writer->Write({0, "", vectors}), IsOk());
  const auto json = nlohmann::json::parse(Finished(*writer));
  EXPECT_EQ(json["tokens"][0], "\"\n\\河");
  EXPECT_FALSE(json.contains("offsets"));
}

TEST_F(VectorWriterTest, TsvHasARowPerToken) {
  const auto writer = MakeTsvWriter({}, output_.get());
  ASSERT_THAT(writer->Write({0, "", Mixed(2, 2, 0.25f)}), IsOk());
  ASSERT_THAT(writer->Write({1, "", Mixed(0, 2, 0)}), IsOk());
  ASSERT_THAT(writer->Write({2, "\"x\\ty\"", Mixed(1, 2, 7)}), IsOk());
  EXPECT_EQ(Finished(*writer),
            "sentence\ttoken_index\ttoken\tv0\tv1\n"
            "0\t0\tw0\t0.25\t1.25\n"
            "0\t1\tw1\t2.25\t3.25\n"
            "x\\ty\t0\tw0\t7\t8\n");
}

TEST_F(VectorWriterTest, TsvNamesTheLayersThatWereAskedFor) {
  VectorLayout layout;
  layout.has_layers = true;
  layout.layers = {2, 0};
  const auto writer = MakeTsvWriter(layout, output_.get());
  ASSERT_THAT(writer->Write({0, "", Vectors(2, 1, 1, 5)}), IsOk());
  EXPECT_EQ(Finished(*writer),
            "sentence\tlayer\ttoken_index\ttoken\tv0\n"
            "0\t2\t0\tw0\t5\n"
            "0\t0\t0\tw0\t6\n");
}

TEST_F(VectorWriterTest, TsvNamesBoundaries) {
  VectorLayout layout;
  layout.boundaries = true;
  SentenceVectors vectors = Mixed(3, 1, 0);
  vectors.tokens.resize(1);
  vectors.tokens[0].set_text("a\tb\\");
  const auto writer = MakeTsvWriter(layout, output_.get());
  ASSERT_THAT(writer->Write({0, "", vectors}), IsOk());
  EXPECT_EQ(Finished(*writer),
            "sentence\ttoken_index\ttoken\tv0\n"
            "0\t0\t<S>\t0\n"
            "0\t1\ta\\tb\\\\\t1\n"
            "0\t2\t</S>\t2\n");
}

TEST_F(VectorWriterTest, TsvOfPooledSentencesHasNoTokenColumns) {
  VectorLayout layout;
  layout.has_rows = false;
  SentenceVectors vectors = Mixed(1, 2, 3);
  const auto writer = MakeTsvWriter(layout, output_.get());
  ASSERT_THAT(writer->Write({4, "", vectors}), IsOk());
  EXPECT_EQ(Finished(*writer), "sentence\tv0\tv1\n4\t3\t4\n");
}

// The NPY 1.0 header, byte for byte as the format's description has it.
std::string NpyHeader(const std::string& shape) {
  std::string dict =
      "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  dict.resize(117, ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + dict + "\n";
}

std::string Bytes(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(float));
}

TEST_F(VectorWriterTest, NpyIsOneArrayOfAllRows) {
  const auto writer = MakeNpyWriter({}, output_.get(), nullptr);
  ASSERT_THAT(writer->Write({0, "", Mixed(2, 2, 0)}), IsOk());
  ASSERT_THAT(writer->Write({1, "", Mixed(0, 2, 0)}), IsOk());
  ASSERT_THAT(writer->Write({2, "", Mixed(1, 2, 10)}), IsOk());
  const std::string npy = Finished(*writer);
  EXPECT_EQ(npy, NpyHeader("(3, 2)") + Bytes({0, 1, 2, 3, 10, 11}));
  EXPECT_EQ(npy.find('\n') + 1, 128u);  // A multiple of 64.
}

TEST_F(VectorWriterTest, NpyOfLayersHasRowsFirst) {
  VectorLayout layout;
  layout.has_layers = true;
  const auto writer = MakeNpyWriter(layout, output_.get(), nullptr);
  ASSERT_THAT(writer->Write({0, "", Vectors(2, 2, 1, 0)}), IsOk());
  EXPECT_EQ(Finished(*writer), NpyHeader("(2, 2, 1)") + Bytes({0, 2, 1, 3}));
}

TEST_F(VectorWriterTest, NpyIndexSaysWhichRowsAreWhose) {
  const auto writer = MakeNpyWriter({}, output_.get(), index_.get());
  ASSERT_THAT(writer->Write({0, "", Mixed(2, 2, 0)}), IsOk());
  ASSERT_THAT(writer->Write({1, "7", Mixed(1, 2, 10)}), IsOk());
  Finished(*writer);
  EXPECT_EQ(dir_.Read("index"),
            R"({"sentence":0,"tokens":["w0","w1"],"offsets":[[0,2],[3,5]],)"
            R"("row":0,"rows":2})"
            "\n"
            R"({"sentence":1,"id":7,"tokens":["w0"],"offsets":[[0,2]],)"
            R"("row":2,"rows":1})"
            "\n");
}

TEST_F(VectorWriterTest, NpyOfNothingIsAnEmptyArray) {
  const auto writer = MakeNpyWriter({}, output_.get(), nullptr);
  EXPECT_EQ(Finished(*writer), NpyHeader("(0, 0)"));
}

TEST_F(VectorWriterTest, NpyRefusesAWidthThatChanges) {
  const auto writer = MakeNpyWriter({}, output_.get(), nullptr);
  ASSERT_THAT(writer->Write({0, "", Mixed(1, 2, 0)}), IsOk());
  EXPECT_THAT(writer->Write({1, "", Mixed(1, 3, 0)}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("sentence 1 has vectors of 1 x 3")));
}

TEST_F(VectorWriterTest, NumpyLoadsIt) {
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
    GTEST_SKIP() << "python3-numpy is not here";
  }
  VectorLayout layout;
  layout.has_layers = true;
  const auto writer = MakeNpyWriter(layout, output_.get(), nullptr);
  ASSERT_THAT(writer->Write({0, "", Vectors(3, 2, 4, 0)}), IsOk());
  ASSERT_THAT(writer->Write({1, "", Vectors(3, 1, 4, 100)}), IsOk());
  Finished(*writer);
  const std::string program =
      "import numpy as np; a = np.load('" + dir_.Path("out") +
      "'); assert a.dtype == np.float32 and a.shape == (3, 3, 4); "
      "assert (a[1, 2] == [20, 21, 22, 23]).all(); "
      "assert (a[2, 0] == [100, 101, 102, 103]).all()";
  EXPECT_EQ(std::system(("/usr/bin/python3 -c \"" + program + "\"").c_str()),
            0);
}

}  // namespace
}  // namespace elmo::cli
