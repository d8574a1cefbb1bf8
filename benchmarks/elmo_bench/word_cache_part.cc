// The word cache on running text: what a size of it finds, and what a lookup
// costs when many threads look.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/elmo_bench/context.h"
#include "core/engine/word_cache.h"
#include "core/layers/kernels.h"
#include "core/text/tokenizer.h"

namespace elmo::bench {
namespace {

// The first tokens of a text, plain or compressed with xz.
std::vector<std::string> ReadTokens(const std::string& path, size_t count) {
  const bool compressed =
      path.size() > 3 && path.substr(path.size() - 3) == ".xz";
  const std::string command =
      absl::StrCat(compressed ? "xz -dc '" : "cat '", path, "' 2>/dev/null");
  std::FILE* pipe = popen(command.c_str(), "r");
  ELMO_CHECK(pipe != nullptr);
  auto tokenizer = Tokenizer::Create();
  ELMO_CHECK(tokenizer.ok());
  std::vector<std::string> tokens;
  char* line = nullptr;
  size_t size = 0;
  while (tokens.size() < count) {
    const ssize_t length = getline(&line, &size, pipe);
    if (length < 0) break;
    const std::string text(line, length);
    const auto found = (*tokenizer)->Tokenize(text);
    if (!found.ok()) continue;  // Not UTF-8.
    for (const Token& token : *found) tokens.push_back(token.text);
  }
  std::free(line);
  pclose(pipe);  // Fails where we stopped reading early.
  return tokens;
}

void HitRates(const Context& context, const std::vector<std::string>& tokens) {
  const int64_t dim = RoundUpToPanel(context.model().lstm.projection_dim);
  std::vector<float> vector(dim, 1.0f);
  Table table(context.report, "hit_rates",
              {{"mb", "cache MB"},
               {"words", "words kept"},
               {"hit_rate", "found"},
               {"later_hit_rate", "found, 2nd half"},
               {"misses_per_1000", "computed of 1000"}});
  for (int mb : {1, 2, 4, 8, 16, 32, 64, 128, 256}) {
    WordCache cache(int64_t{mb} << 20, dim);
    WordCache::Stats half;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i == tokens.size() / 2) half = cache.GetStats();
      if (!cache.Lookup(tokens[i], vector.data())) {
        cache.Insert(tokens[i], vector.data());
      }
    }
    const WordCache::Stats all = cache.GetStats();
    const auto rate = [](int64_t hits, int64_t misses) {
      return static_cast<double>(hits) / static_cast<double>(hits + misses);
    };
    const double later = rate(all.hits - half.hits, all.misses - half.misses);
    table.Row({Number(mb), Number(static_cast<double>(all.words)),
               Percent(rate(all.hits, all.misses)), Percent(later),
               Number(1000 * (1 - later), 1)});
  }
}

void Contention(const Context& context,
                const std::vector<std::string>& tokens) {
  const int64_t dim = RoundUpToPanel(context.model().lstm.projection_dim);
  WordCache cache(int64_t{64} << 20, dim);
  std::vector<float> vector(dim, 1.0f);
  for (const std::string& token : tokens) cache.Insert(token, vector.data());
  Table table(context.report, "contention",
              {{"threads", "threads"},
               {"ns", "ns a lookup"},
               {"millions_per_second", "million lookups/s"}});
  constexpr size_t kLookups = 10000;
  for (int threads = 1; threads <= std::max(8, 2 * context.machine.cpus);
       threads *= 2) {
    const Sample calls =
        CallsPerSecond(threads, context.repetitions(), [&](int worker) {
          auto at = std::make_shared<size_t>(tokens.size() / threads * worker);
          auto out = std::make_shared<std::vector<float>>(dim);
          return [&, at, out] {
            for (size_t i = 0; i < kLookups; ++i) {
              cache.Lookup(tokens[*at], out->data());
              if (++*at == tokens.size()) *at = 0;
            }
          };
        });
    // A thread's own time, on a CPU of its own or on a share of one.
    const double busy = std::min(threads, context.machine.cpus);
    table.Row({Number(threads), Measured(Inverse(calls, busy * 1e9 / kLookups)),
               Measured(Times(calls, 1e-6 * kLookups), 2)});
  }
}

}  // namespace

void Cache(const Context& context) {
  Report* report = context.report;
  report->Part("cache", "The word cache on running text");
  const std::string& corpus = context.settings.corpus;
  if (!std::filesystem::exists(corpus)) {
    report->Text(absl::StrCat("Skipped: there is no text at ", corpus,
                              "; --corpus FILE names another."));
    return;
  }
  const std::vector<std::string> tokens =
      ReadTokens(corpus, context.settings.quick ? 200'000 : 2'000'000);
  if (tokens.empty()) {
    report->Text(absl::StrCat("Skipped: cannot read ", corpus, "."));
    return;
  }
  report->Text(absl::StrFormat(
      "%d tokens of %s, one after another. The second half shows a cache that "
      "has been filled.",
      tokens.size(), std::filesystem::path(corpus).filename().string()));
  HitRates(context, tokens);
  report->Text(
      "A filled cache of 64 MB; ns are CPU time where there are more threads "
      "than CPUs.");
  Contention(context, tokens);
}

}  // namespace elmo::bench
