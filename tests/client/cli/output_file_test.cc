#include "client/cli/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/client/cli/temp_dir.h"
#include "tests/testing/status_matchers.h"

namespace elmo::cli {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::elmo::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(OutputFileTest, AppearsWithCommitAndNotBefore) {
  TempDir dir;
  auto file = OutputFile::Create(dir.Path("out")).value();
  ASSERT_THAT(file->Write("first "), IsOk());
  ASSERT_THAT(file->Flush(), IsOk());
  EXPECT_FALSE(std::filesystem::exists(dir.Path("out")));
  ASSERT_THAT(file->Write("second"), IsOk());
  ASSERT_THAT(file->Commit(), IsOk());
  EXPECT_EQ(dir.Read("out"), "first second");
  EXPECT_THAT(dir.List(), ElementsAre("out"));
}

TEST(OutputFileTest, WithoutCommitNothingIsLeft) {
  TempDir dir;
  {
    ASSERT_THAT(OutputFile::Create(dir.Path("out")).value()->Write("x"),
                IsOk());
  }
  EXPECT_THAT(dir.List(), IsEmpty());
}

TEST(OutputFileTest, WhatWasThereStaysUntilCommit) {
  TempDir dir;
  dir.Write("out", "old");
  {
    ASSERT_THAT(OutputFile::Create(dir.Path("out")).value()->Write("x"),
                IsOk());
  }
  EXPECT_EQ(dir.Read("out"), "old");
  auto file = OutputFile::Create(dir.Path("out")).value();
  ASSERT_THAT(file->Write("new"), IsOk());
  ASSERT_THAT(file->Commit(), IsOk());
  EXPECT_EQ(dir.Read("out"), "new");
}

TEST(OutputFileTest, StartCanBeRewritten) {
  TempDir dir;
  auto file = OutputFile::Create(dir.Path("out")).value();
  ASSERT_TRUE(file->is_replaced_whole());
  ASSERT_THAT(file->Write("head body"), IsOk());
  ASSERT_THAT(file->WriteAtStart("HEAD"), IsOk());
  ASSERT_THAT(file->Write(" end"), IsOk());
  ASSERT_THAT(file->Commit(), IsOk());
  EXPECT_EQ(dir.Read("out"), "HEAD body end");
}

TEST(OutputFileTest, ModeIsThatOfANewFileOrOfTheOldOne) {
  TempDir dir;
  const mode_t mask = umask(0027);
  ASSERT_THAT(OutputFile::Create(dir.Path("new")).value()->Commit(), IsOk());
  umask(mask);
  struct stat file = {};
  ASSERT_EQ(stat(dir.Path("new").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777u, 0640u);
  ASSERT_EQ(chmod(dir.Write("old", "").c_str(), 0604), 0);
  ASSERT_THAT(OutputFile::Create(dir.Path("old")).value()->Commit(), IsOk());
  ASSERT_EQ(stat(dir.Path("old").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777u, 0604u);
}

TEST(OutputFileTest, SymbolicLinkSurvivesAndItsFileIsReplaced) {
  TempDir dir;
  dir.Write("real", "old");
  std::filesystem::create_symlink(dir.Path("real"), dir.Path("link"));
  auto file = OutputFile::Create(dir.Path("link")).value();
  ASSERT_THAT(file->Write("new"), IsOk());
  ASSERT_THAT(file->Commit(), IsOk());
  EXPECT_TRUE(std::filesystem::is_symlink(dir.Path("link")));
  EXPECT_EQ(dir.Read("real"), "new");
}

TEST(OutputFileTest, DeviceIsWrittenToAndNotReplaced) {
  auto file = OutputFile::Create("/dev/null").value();
  EXPECT_FALSE(file->is_replaced_whole());
  ASSERT_THAT(file->Write("x"), IsOk());
  ASSERT_THAT(file->Commit(), IsOk());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(OutputFileTest, FolderThatIsNotThereIsNamed) {
  TempDir dir;
  EXPECT_THAT(OutputFile::Create(dir.Path("none/out")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("none/out: No such file or directory")));
}

TEST(OutputFileTest, FullDiskIsAnError) {
  auto file = OutputFile::Create("/dev/full").value();
  ASSERT_THAT(file->Write("x"), IsOk());  // Still in the buffer.
  EXPECT_THAT(file->Commit(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "cannot write /dev/full: No space left on device"));
}

TEST(OutputFileTest, ReaderThatHasGoneIsKnownAsSuch) {
  EXPECT_FALSE(IsBrokenPipe(absl::OkStatus()));
  EXPECT_FALSE(IsBrokenPipe(absl::FailedPreconditionError("disk full")));
}

}  // namespace
}  // namespace elmo::cli
