// elmo-tokenize: splits lines into words exactly as elmo-server does, for
// whatever prepares text for a model: training, warm-up, evaluation.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"

namespace elmo {
namespace {

// As every tool of ours has it; CLI11's own codes are from 100 on.
constexpr int kBadFlags = 2;

struct Totals {
  long long lines = 0;
  long long invalid = 0;
};

// Reads lines to the end of the input. False when one is not UTF-8 and
// `skip_invalid` is false; it has then said so.
bool TokenizeLines(const Tokenizer& tokenizer, bool skip_invalid,
                   Totals* totals) {
  std::string line;
  std::string out;
  while (std::getline(std::cin, line)) {
    ++totals->lines;
    const absl::StatusOr<std::vector<Token>> tokens = tokenizer.Tokenize(line);
    if (!tokens.ok()) {
      ++totals->invalid;
      std::fprintf(stderr, "elmo-tokenize: line %lld: %s\n", totals->lines,
                   std::string(tokens.status().message()).c_str());
      if (!skip_invalid) return false;
      continue;
    }
    out.clear();
    for (const Token& token : *tokens) {
      if (!out.empty()) out += ' ';
      out += token.text;
    }
    out += '\n';
    std::cout.write(out.data(), static_cast<std::streamsize>(out.size()));
    if (!std::cout) return true;  // Main() reports it.
  }
  return true;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Splits text into words exactly as elmo-server does: reads lines of "
      "UTF-8 from standard input, writes the words of each joined by blanks, "
      "one line for each line read.",
      "elmo-tokenize");
  bool skip_invalid = false;
  app.add_flag("--skip-invalid", skip_invalid,
               "Leave out lines that are not UTF-8 (they are named on standard "
               "error) instead of stopping with exit code 1");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadFlags;
  }

  const absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer =
      Tokenizer::Create();
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "elmo-tokenize: %s\n",
                 std::string(tokenizer.status().message()).c_str());
    return 1;
  }
  std::ios::sync_with_stdio(false);
  Totals totals;
  const bool all_valid = TokenizeLines(**tokenizer, skip_invalid, &totals);
  std::cout.flush();
  if (!std::cout) {
    std::fprintf(stderr, "elmo-tokenize: cannot write standard output\n");
    return 1;
  }
  return all_valid ? 0 : 1;
}

}  // namespace
}  // namespace elmo

int main(int argc, char** argv) { return elmo::Main(argc, argv); }
