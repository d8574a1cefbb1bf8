#ifndef ELMO_CLIENT_CLI_PROGRESS_H_
#define ELMO_CLIENT_CLI_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace elmo::cli {

// How far a long job has come.
struct Progress {
  int64_t sentences = 0;
  int64_t tokens = 0;
  int64_t bytes = 0;        // Of the input, that are done.
  int64_t total_bytes = 0;  // 0: not known.
  std::chrono::duration<double> elapsed{0};
};

// One line of at most `columns` ASCII characters:
//   [=======>            ]  36%  1,234 sentences  98/s  1,876 tokens/s  ETA
//   0:21
// without bar, percentage and ETA where the size of the input is not known.
std::string ProgressLine(const Progress& progress, int columns);

// What is left on the screen at the end:
//   1,234 sentences, 23,456 tokens in 0:12 (98 sentences/s, 1,876 tokens/s)
std::string ProgressSummary(const Progress& progress);

// A line on a terminal that is redrawn in place, at most ten times a second.
// For one thread.
class ProgressBar {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `terminal` null: draws nothing. Not owned.
  ProgressBar(std::FILE* terminal, TimePoint start);
  // Removes the line.
  ~ProgressBar();

  void Show(Progress progress, TimePoint now);
  // Replaces the line by the summary.
  void Finish(Progress progress, TimePoint now);

 private:
  void Clear();

  std::FILE* const terminal_;
  const TimePoint start_;
  TimePoint next_draw_;
  bool drawn_ = false;
};

// Columns of the terminal; 80 where it does not say.
int TerminalColumns(std::FILE* terminal);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_PROGRESS_H_
