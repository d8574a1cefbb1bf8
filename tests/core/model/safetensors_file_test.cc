#include "core/model/safetensors_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::ReadFile;
using elmo::testing::StatusIs;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string Length(uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

TEST(SafetensorsFileTest, ReadsWhatItWrote) {
  const TemporaryDirectory directory;
  const std::string path = directory / "x.safetensors";
  ASSERT_THAT(WriteSafetensors(path, {{"key", "value"}, {"a", "\"\n\xc3\xa4"}},
                               {{"z", DType::kF32, {2, 1}, "12345678"},
                                {"b", DType::kF16, {3}, "abcdef"},
                                {"a", DType::kBF16, {}, "xy"}}),
              IsOk());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(file->header().metadata,
              ElementsAre(Pair("a", "\"\n\xc3\xa4"), Pair("key", "value")));
  ASSERT_EQ(file->header().tensors.size(), 3u);
  const TensorInfo& b = file->header().tensors[1];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, DType::kF16);
  EXPECT_THAT(b.shape, ElementsAre(3));
  EXPECT_EQ(b.num_elements(), 3u);
  std::string bytes(6, '\0');
  ASSERT_THAT(file->ReadData(b.begin, bytes.data(), 6), IsOk());
  EXPECT_EQ(bytes, "abcdef");
}

TEST(SafetensorsFileTest, DataStartsOnACacheLine) {
  const TemporaryDirectory directory;
  for (size_t n = 0; n < 64; ++n) {
    const std::string path = directory / absl::StrCat(n);
    ASSERT_THAT(WriteSafetensors(path, {{"k", std::string(n, 'x')}},
                                 {{"t", DType::kF16, {1}, "ab"}}),
                IsOk());
    EXPECT_EQ(SafetensorsFile::Open(path)->preamble().size() % 64, 0u);
    EXPECT_EQ(ReadFile(path).substr(ReadFile(path).size() - 2), "ab");
  }
}

TEST(SafetensorsFileTest, AnExistingFileIsNotOverwritten) {
  const TemporaryDirectory directory;
  WriteFile(directory / "x", "mine");
  EXPECT_THAT(WriteSafetensors(directory / "x", {}, {}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("/x")));
  EXPECT_EQ(ReadFile(directory / "x"), "mine");
}

TEST(SafetensorsFileTest, FilesThatAreTooShortOrLieAboutTheirHeaderAreRefused) {
  const struct {
    std::string content;
    const char* message;
  } kFiles[] = {
      {"", "has 0 bytes"},
      {"1234567", "has 7 bytes"},
      {Length(0), "does not start with '{'"},
      {Length(1), "length is 1, but the file has 0 bytes more"},
      {Length(3) + "{}", "length is 3, but the file has 2 bytes more"},
      {Length(UINT64_MAX) + "{}", "length is 18446744073709551615; limit is"},
      {Length(UINT64_MAX - 7) + "{}", "limit is"},
      {Length(uint64_t{1} << 63) + "{}", "limit is"},
      {Length((1 << 20) + 1) + std::string(2 << 20, ' '), "limit is 1048576"},
      {Length(2) + " {}", "does not start with '{'"},
      {Length(2) + "{}x", "end at byte 0 of the data, which has 1 bytes"},
      {Length(3) + "{},", "syntax error"},
      {Length(4) + "{}\0\0", "limit is"},
  };
  for (const auto& file : kFiles) {
    const TemporaryDirectory directory;
    WriteFile(directory / "x", file.content);
    EXPECT_THAT(SafetensorsFile::Open(directory / "x"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::AnyOf(HasSubstr(file.message),
                                          HasSubstr("bytes more"))));
  }
}

TEST(SafetensorsFileTest, WhatIsNotARegularFileIsRefused) {
  const TemporaryDirectory directory;
  EXPECT_THAT(
      SafetensorsFile::Open(directory.path()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("regular file")));
  EXPECT_THAT(
      SafetensorsFile::Open("/dev/zero"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("regular file")));
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);  // Would block.
  EXPECT_THAT(
      SafetensorsFile::Open(directory / "fifo"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("regular file")));
  EXPECT_THAT(SafetensorsFile::Open(directory / "no"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no")));
}

TEST(SafetensorsFileTest, AFileThatShrinksAfterOpeningGivesAnError) {
  const TemporaryDirectory directory;
  const std::string path = directory / "x";
  ASSERT_THAT(WriteSafetensors(path, {}, {{"t", DType::kF32, {1}, "abcd"}}),
              IsOk());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_THAT(file, IsOk());
  std::filesystem::resize_file(path, file->preamble().size() + 3);
  char bytes[4];
  EXPECT_THAT(file->ReadData(0, bytes, 4),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(path)));
}

// Headers for eight bytes of data.
absl::StatusOr<SafetensorsHeader> Parse(const std::string& json) {
  return ParseSafetensorsHeader(json, 8);
}

TEST(SafetensorsHeaderTest, TensorsAreOrderedByTheirBytes) {
  const auto header = Parse(
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},
          "b":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}   )");
  ASSERT_THAT(header, IsOk());
  EXPECT_EQ(header->tensors[0].name, "b");
  EXPECT_EQ(header->tensors[1].name, "a");
}

TEST(SafetensorsHeaderTest, EmptyTensorsAreLegal) {
  EXPECT_THAT(Parse(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                 "b":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]},
                 "c":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})"),
              IsOk());
}

struct BadHeader {
  const char* tensors;  // The text between the outer braces.
  const char* message;
};

class BadHeaderTest : public ::testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaderTest, IsRefused) {
  EXPECT_THAT(Parse(absl::StrCat("{", GetParam().tensors, "}")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    SafetensorsHeaderTest, BadHeaderTest,
    ::testing::Values(
        BadHeader{"", "end at byte 0 of the data, which has 8"},
        BadHeader{R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})",
                  "end at byte 4 of the data, which has 8"},
        BadHeader{R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})",
                  "tensor \"a\": starts at byte 4 of the data; the tensor "
                  "before it ends at 0"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                     "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})",
                  "tensor \"b\": starts at byte 4"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                     "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})",
                  "key \"a\" stands twice"},
        BadHeader{R"("a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]})",
                  "tensor \"a\": data_offsets are [0,12]; the file has 8"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]})",
                  "data_offsets are [8,0]"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]})",
                  "must be [begin, end]"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.0]})",
                  "must be [begin, end]"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0]})",
                  "must be [begin, end]"},
        BadHeader{
            R"("a":{"dtype":"F32","shape":[2],
               "data_offsets":[18446744073709551608,18446744073709551615]})",
            "the file has 8"},
        BadHeader{R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]})",
                  "has 8 bytes; dtype and shape need 4"},
        BadHeader{R"("a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]})",
                  "shape [-2] is not possible"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})",
                  "is not possible"},
        BadHeader{R"("a":{"dtype":"F32","shape":[18446744073709551615],
                     "data_offsets":[0,8]})",
                  "is not possible"},
        BadHeader{R"("a":{"dtype":"F32","shape":[4294967296,4294967296,2],
                     "data_offsets":[0,8]})",
                  "is not possible"},
        BadHeader{R"("a":{"dtype":"F32","shape":[4611686018427387906],
                     "data_offsets":[0,8]})",
                  "is not possible"},
        BadHeader{R"("a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],
                     "data_offsets":[0,8]})",
                  "list of at most 8 sizes"},
        BadHeader{R"("a":{"dtype":"F32","shape":2,"data_offsets":[0,8]})",
                  "list of at most 8 sizes"},
        BadHeader{R"("a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]})",
                  "dtype is \"I64\"; must be F32, F16 or BF16"},
        BadHeader{R"("a":{"dtype":3,"shape":[1],"data_offsets":[0,8]})",
                  "dtype is 3"},
        BadHeader{R"("a":{"shape":[1],"data_offsets":[0,8]})",
                  "must have exactly the fields"},
        BadHeader{R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],
                     "x":1})",
                  "must have exactly the fields"},
        BadHeader{R"("a":[1])", "must have exactly the fields"},
        BadHeader{R"("__metadata__":[])", "__metadata__ is not an object"},
        BadHeader{R"("__metadata__":{"k":1})", "must be a string"},
        BadHeader{R"("a":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]])",
                  "nested deeper"},
        BadHeader{R"("a")", "syntax error"}));

}  // namespace
}  // namespace elmo
