// elmo-tokenize as its callers see it: standard input, output and exit code.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace elmo {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TokenizeMainTest : public ::testing::Test {
 protected:
  struct Result {
    int exit_code = -1;
    std::string out;
    std::string err;
  };

  void SetUp() override {
    folder_ = ::testing::TempDir() + "/elmo-tokenize-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result Run(const std::string& flags, const std::string& input) {
    std::ofstream(folder_ + "/in", std::ios::binary) << input;
    const std::string command = std::string(ELMO_TOKENIZE) + " " + flags +
                                " < " + folder_ + "/in > " + folder_ +
                                "/out 2> " + folder_ + "/err";
    const int status = std::system(command.c_str());
    return {WEXITSTATUS(status), Read("/out"), Read("/err")};
  }

 private:
  std::string Read(const std::string& name) {
    std::ifstream file(folder_ + name, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }

  std::string folder_;
};

TEST_F(TokenizeMainTest, WritesOneLineForEachLineRead) {
  const Result result = Run("", "I don't.\n\n \r\nMr. X\nno end");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "I do n't .\n\n\nMr. X\nno end\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(TokenizeMainTest, StopsAtALineThatIsNotUtf8AndNamesIt) {
  const Result result = Run("", "good\nsecret \xFF\nmore\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "good\n");
  EXPECT_THAT(result.err, HasSubstr("line 2: text is not valid UTF-8"));
  EXPECT_THAT(result.err, Not(HasSubstr("secret")));
}

TEST_F(TokenizeMainTest, SkipsInvalidLinesWhenAskedTo) {
  const Result result = Run("--skip-invalid", "a\n\xFF\nb\n\xC3\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "a\nb\n");
  EXPECT_THAT(result.err, HasSubstr("line 2:"));
  EXPECT_THAT(result.err, HasSubstr("line 4:"));
}

TEST_F(TokenizeMainTest, ExplainsItselfAndRefusesUnknownFlags) {
  EXPECT_THAT(Run("--help", "").out, HasSubstr("--skip-invalid"));
  EXPECT_EQ(Run("--help", "").exit_code, 0);
  EXPECT_EQ(Run("--no-such-flag", "").exit_code, 2);
  EXPECT_EQ(Run("stray.txt", "").exit_code, 2);
}

}  // namespace
}  // namespace elmo
