#include "client/cli/progress.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace elmo::cli {
namespace {

constexpr int kBarColumns = 20;
constexpr int64_t kLongestSeconds = 1000L * 3600;  // ETAs beyond say nothing.

// 1234567 -> "1,234,567"
std::string Grouped(double value) {
  std::string digits = absl::StrCat(std::llround(value));
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<size_t>(i), 1, ',');
  }
  return digits;
}

// "0:07", "1:02:03"
std::string Clock(double seconds) {
  const int64_t s =
      std::llround(std::min(seconds, static_cast<double>(kLongestSeconds)));
  if (s < 3600) return absl::StrFormat("%d:%02d", s / 60, s % 60);
  return absl::StrFormat("%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
}

double PerSecond(int64_t count, const Progress& progress) {
  const double seconds = progress.elapsed.count();
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string Bar(double fraction) {
  const int done = static_cast<int>(fraction * kBarColumns);
  std::string bar(static_cast<size_t>(done), '=');
  if (done < kBarColumns) bar += '>';
  bar.resize(kBarColumns, ' ');
  return absl::StrFormat("[%s] %3d%%  ", bar, static_cast<int>(fraction * 100));
}

}  // namespace

std::string ProgressLine(const Progress& progress, int columns) {
  std::string line;
  std::string eta;
  if (progress.total_bytes > 0) {
    const double fraction =
        std::clamp(static_cast<double>(progress.bytes) /
                       static_cast<double>(progress.total_bytes),
                   0.0, 1.0);
    line = Bar(fraction);
    if (fraction > 0) {
      eta = absl::StrCat("  ETA ", Clock(progress.elapsed.count() / fraction *
                                         (1 - fraction)));
    }
  }
  absl::StrAppend(
      &line, Grouped(static_cast<double>(progress.sentences)), " sentences  ",
      Grouped(PerSecond(progress.sentences, progress)), "/s  ",
      Grouped(PerSecond(progress.tokens, progress)), " tokens/s", eta);
  return line.substr(0, static_cast<size_t>(std::max(columns, 0)));
}

std::string ProgressSummary(const Progress& progress) {
  return absl::StrCat(
      Grouped(static_cast<double>(progress.sentences)), " sentences, ",
      Grouped(static_cast<double>(progress.tokens)), " tokens in ",
      Clock(progress.elapsed.count()), " (",
      Grouped(PerSecond(progress.sentences, progress)), " sentences/s, ",
      Grouped(PerSecond(progress.tokens, progress)), " tokens/s)");
}

ProgressBar::ProgressBar(std::FILE* terminal, TimePoint start)
    : terminal_(terminal), start_(start), next_draw_(start) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Show(Progress progress, TimePoint now) {
  if (terminal_ == nullptr || now < next_draw_) return;
  next_draw_ = now + std::chrono::milliseconds(100);
  progress.elapsed = now - start_;
  // One column less than there is: some terminals wrap at the last.
  const std::string line =
      ProgressLine(progress, TerminalColumns(terminal_) - 1);
  std::fprintf(terminal_, "\r%s\x1b[K", line.c_str());
  std::fflush(terminal_);
  drawn_ = true;
}

void ProgressBar::Finish(Progress progress, TimePoint now) {
  if (terminal_ == nullptr) return;
  Clear();
  progress.elapsed = now - start_;
  std::fprintf(terminal_, "%s\n", ProgressSummary(progress).c_str());
}

void ProgressBar::Clear() {
  if (!drawn_) return;
  std::fprintf(terminal_, "\r\x1b[K");
  std::fflush(terminal_);
  drawn_ = false;
}

int TerminalColumns(std::FILE* terminal) {
  winsize size = {};
  if (ioctl(fileno(terminal), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return size.ws_col;
}

}  // namespace elmo::cli
