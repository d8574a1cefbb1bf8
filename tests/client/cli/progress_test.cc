#include "client/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace elmo::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

Progress HalfWay() {
  Progress progress;
  progress.sentences = 1234;
  progress.tokens = 23456;
  progress.bytes = 500;
  progress.total_bytes = 1000;
  progress.elapsed = seconds(10);
  return progress;
}

TEST(ProgressLineTest, ShowsBarRatesAndTimeLeft) {
  EXPECT_EQ(ProgressLine(HalfWay(), 100),
            "[==========>         ]  50%  1,234 sentences  123/s  "
            "2,346 tokens/s  ETA 0:10");
}

TEST(ProgressLineTest, InputWithoutASizeHasNeitherBarNorTimeLeft) {
  Progress progress = HalfWay();
  progress.total_bytes = 0;
  EXPECT_EQ(ProgressLine(progress, 100),
            "1,234 sentences  123/s  2,346 tokens/s");
}

TEST(ProgressLineTest, FullBarIsFull) {
  Progress progress = HalfWay();
  progress.bytes = 1000;
  EXPECT_THAT(ProgressLine(progress, 100),
              HasSubstr("[====================] 100%"));
  progress.bytes = 2000;  // The file has grown.
  EXPECT_THAT(ProgressLine(progress, 100), HasSubstr("100%"));
}

TEST(ProgressLineTest, StartHasNoTimeLeftAndDividesByNothing) {
  Progress progress;
  progress.total_bytes = 1000;
  EXPECT_EQ(ProgressLine(progress, 100),
            "[>                   ]   0%  0 sentences  0/s  0 tokens/s");
}

TEST(ProgressLineTest, NarrowTerminalCutsTheLine) {
  EXPECT_EQ(ProgressLine(HalfWay(), 10).size(), 10u);
  EXPECT_EQ(ProgressLine(HalfWay(), 0), "");
}

TEST(ProgressLineTest, HoursAreHours) {
  Progress progress = HalfWay();
  progress.elapsed = seconds(4000);
  EXPECT_THAT(ProgressLine(progress, 100), HasSubstr("ETA 1:06:40"));
}

TEST(ProgressSummaryTest, SaysWhatWasDone) {
  EXPECT_EQ(ProgressSummary(HalfWay()),
            "1,234 sentences, 23,456 tokens in 0:10 (123 sentences/s, "
            "2,346 tokens/s)");
}

class ProgressBarTest : public ::testing::Test {
 protected:
  ~ProgressBarTest() override {
    std::fclose(file_);
    std::free(text_);
  }
  std::string Written() {
    std::fflush(file_);
    return std::string(text_, size_);
  }

  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_ = open_memstream(&text_, &size_);
  const ProgressBar::TimePoint start_{};
};

TEST_F(ProgressBarTest, RedrawsInPlaceTenTimesASecond) {
  ProgressBar bar(file_, start_);
  for (int ms = 0; ms < 1000; ++ms) {
    Progress progress;
    progress.sentences = ms;
    bar.Show(progress, start_ + milliseconds(ms));
  }
  const std::string written = Written();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\r'), 10);
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 0);
  EXPECT_THAT(written, HasSubstr("\r900 sentences  1,000/s"));
}

TEST_F(ProgressBarTest, EndReplacesTheLineByTheSummary) {
  {
    ProgressBar bar(file_, start_);
    bar.Show(HalfWay(), start_);
    bar.Finish(HalfWay(), start_ + seconds(2));
  }
  EXPECT_THAT(Written(), ::testing::EndsWith(
                             "\r\x1b[K1,234 sentences, 23,456 tokens in 0:02 "
                             "(617 sentences/s, 11,728 tokens/s)\n"));
}

TEST_F(ProgressBarTest, FailureLeavesAnEmptyLine) {
  {
    ProgressBar bar(file_, start_);
    bar.Show(HalfWay(), start_);
  }
  EXPECT_THAT(Written(), ::testing::EndsWith("\r\x1b[K"));
}

TEST_F(ProgressBarTest, WithoutATerminalNothingIsWritten) {
  {
    ProgressBar bar(nullptr, start_);
    bar.Show(HalfWay(), start_);
    bar.Finish(HalfWay(), start_);
  }
  EXPECT_EQ(Written(), "");
}

}  // namespace
}  // namespace elmo::cli
