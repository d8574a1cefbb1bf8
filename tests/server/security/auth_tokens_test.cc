#include "server/security/auth_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kToken(TokenSet::kMinCharacters, 'a');
const std::string kOther(TokenSet::kMinCharacters, 'b');

std::string Complaint(const std::string& text) {
  const auto set = TokenSet::Parse(text);
  EXPECT_EQ(set.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(set.status().message());
}

TEST(TokenSetTest, ReadsLinesCommentsAndBlanks) {
  const auto set =
      TokenSet::Parse("# of the crawler\n" + kToken + "\r\n\n  " + kOther);
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->size(), 2);
  EXPECT_TRUE(set->Contains(kToken));
  EXPECT_TRUE(set->Contains(kOther));
}

TEST(TokenSetTest, OnlyTheWholeTokenCounts) {
  const auto set = TokenSet::Parse(kToken);
  ASSERT_THAT(set, IsOk());
  for (const std::string& wrong :
       {std::string(), kToken.substr(1), kToken + "a", " " + kToken,
        kToken + std::string(1, '\0'), kOther, "# " + kToken}) {
    EXPECT_FALSE(set->Contains(wrong));
  }
}

TEST(TokenSetTest, MistakesNameTheLineAndNotTheToken) {
  const std::string shorter = "tooshort";
  EXPECT_THAT(Complaint("\n" + shorter), HasSubstr("line 2"));
  EXPECT_THAT(Complaint(shorter), Not(HasSubstr(shorter)));
  EXPECT_THAT(Complaint(kToken + "\n" + kToken + " " + kToken),
              HasSubstr("line 2"));
  EXPECT_THAT(Complaint(std::string(TokenSet::kMaxCharacters + 1, 'x')),
              HasSubstr("line 1"));
  EXPECT_THAT(Complaint(kToken + std::string(1, '\0')), HasSubstr("line 1"));
}

TEST(TokenSetTest, FileWithoutTokenIsAMistake) {
  EXPECT_THAT(Complaint(""), HasSubstr("no token"));
  EXPECT_THAT(Complaint("# nothing\n\n"), HasSubstr("no token"));
}

TEST(TokenStoreTest, NewContentsReplaceTheOldAndBadOnesDoNot) {
  const TemporaryDirectory directory;
  const std::string path = directory / "tokens";
  WriteFile(path, kToken);
  const auto store = TokenStore::Create(path);
  ASSERT_THAT(store, IsOk());
  EXPECT_EQ((*store)->Reload().value(), false);
  WriteFile(path, kOther);
  EXPECT_EQ((*store)->Reload().value(), true);
  EXPECT_FALSE((*store)->current()->Contains(kToken));
  EXPECT_TRUE((*store)->current()->Contains(kOther));
  for (const std::string& bad : {std::string(), std::string("short")}) {
    WriteFile(path, bad);
    EXPECT_THAT((*store)->Reload().status().message(), HasSubstr(path));
    EXPECT_TRUE((*store)->current()->Contains(kOther));
  }
  std::filesystem::remove(path);
  EXPECT_FALSE((*store)->Reload().ok());
  EXPECT_TRUE((*store)->current()->Contains(kOther));
}

TEST(TokenStoreTest, MissingFileAndFolderAreErrorsThatNameThem) {
  const TemporaryDirectory directory;
  EXPECT_THAT(TokenStore::Create(directory / "none").status().message(),
              HasSubstr(directory / "none"));
  EXPECT_THAT(TokenStore::Create(directory.path()).status().message(),
              HasSubstr("no plain file"));
}

TEST(TokenStoreTest, MayBeReadWhileItChanges) {
  const TemporaryDirectory directory;
  const std::string path = directory / "tokens";
  WriteFile(path, kToken + "\n" + kOther);
  const auto store = TokenStore::Create(path);
  ASSERT_THAT(store, IsOk());
  std::thread reader([&] {
    for (int i = 0; i < 500; ++i) {
      EXPECT_TRUE((*store)->current()->Contains(kOther));
    }
  });
  for (int i = 0; i < 50; ++i) {
    WriteFile(directory / "new", i % 2 == 0 ? kOther : kOther + "\n" + kToken);
    std::filesystem::rename(directory / "new", path);
    EXPECT_THAT((*store)->Reload(), IsOk());
  }
  reader.join();
}

}  // namespace
}  // namespace elmo::testing
