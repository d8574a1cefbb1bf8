// The engine called directly, words in the word cache.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/elmo_bench/context.h"
#include "benchmarks/elmo_bench/workload.h"

namespace elmo::bench {
namespace {

using Sentences = std::vector<std::vector<std::string>>;

Cell Name(Precision precision) {
  return Word(std::string(PrecisionName(precision)));
}

Sample BatchesPerSecond(const ElmoEngine& engine, int workers,
                        const Sentences& sentences,
                        const Repetitions& repetitions) {
  return CallsPerSecond(workers, repetitions, [&](int) {
    auto batch = std::make_shared<Batch>(&engine, sentences);
    return [batch] { batch->Run(); };
  });
}

// One row of a table of rates, and its columns behind those of the caller.
const std::vector<Table::Column> kRateColumns = {
    {"tokens_per_second", "tokens/s"},
    {"gflops", "GFLOP/s"},
    {"share_of_peak", "of peak"},
    {"expected_tokens_per_second", "expected"},
    {"share_of_expected", "of it"}};

std::vector<Table::Column> WithRates(std::vector<Table::Column> columns) {
  columns.insert(columns.end(), kRateColumns.begin(), kRateColumns.end());
  return columns;
}

void AddRates(const Context& context, const ElmoEngine& engine,
              Precision precision, const Peaks& peaks,
              const Sentences& sentences, std::vector<Cell> cells,
              Table* table) {
  const LstmOptions& lstm = context.model().lstm;
  const Sample batches =
      BatchesPerSecond(engine, peaks.workers, sentences, context.repetitions());
  const std::vector<int64_t> steps = StepsOf(sentences);
  const double tokens = static_cast<double>(TokensOf(sentences));
  const double gflop =
      1e-9 * FlopPerStep(lstm) * static_cast<double>(Sum(steps));
  const double expected = peaks.workers / LeastSeconds(lstm, steps, precision,
                                                       context.machine, peaks);
  cells.push_back(Measured(Times(batches, tokens)));
  cells.push_back(Number(batches.median * gflop, 1));
  cells.push_back(
      Percent(batches.median * gflop / peaks.matmul.at(precision).median));
  cells.push_back(Number(expected * tokens));
  cells.push_back(Percent(batches.median / expected));
  table->Row(cells);
}

constexpr char kExpectation[] =
    "expected: each step of a cell takes what multiplying its rows takes at "
    "the peak of matmul, or, if that is longer, what reading its weights "
    "takes: as much from L3 as a worker's share of it holds, the rest from "
    "memory, at the rates measured above. Nothing else takes time.";

}  // namespace

void Throughput(const Context& context) {
  Report* report = context.report;
  report->Part("throughput", "Sentences computed together");
  report->Text(absl::StrFormat(
      "Log-normal lengths, mean 20. Each worker has so many sentences of its "
      "own. GFLOP/s are the LSTMs' multiplies and adds only, boundaries "
      "included. %s",
      kExpectation));
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    // Cut at all lengths, so that every step is somebody's last.
    const double clipped = Batch(engine.get(), MixedSentences(32))
                               .ClippedShare(context.model().lstm);
    report->Figure(
        absl::StrCat("clipped_", std::string(PrecisionName(precision))),
        clipped,
        absl::StrFormat("%s: %.1f %% of the cells are at their clip.",
                        std::string(PrecisionName(precision)), 100 * clipped));
  }
  Table table(report, "rows",
              WithRates({{"precision", "precision"},
                         {"workers", "workers"},
                         {"sentences", "sentences"}}));
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    for (int workers : context.worker_counts()) {
      for (int count : context.sentence_counts()) {
        AddRates(context, *engine, precision, context.machine.peaks.at(workers),
                 MixedSentences(count),
                 {Name(precision), Number(workers), Number(count)}, &table);
      }
    }
  }
}

void Latency(const Context& context) {
  Report* report = context.report;
  report->Part("latency", "One sentence, nothing else running");
  report->Text(
      "Workers: those who share its computation. The last column: as if all "
      "weights came from memory at each step, how many times faster than that "
      "it was.");
  Table table(report, "rows",
              {{"precision", "precision"},
               {"workers", "workers"},
               {"tokens", "tokens"},
               {"ms", "ms"},
               {"expected_ms", "expected ms"},
               {"over_dram", "over memory's rate"}});
  const LstmOptions& lstm = context.model().lstm;
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    for (const auto& [workers, peaks] : context.machine.peaks) {
      Helpers helpers(workers - 1);
      for (int tokens : {1, 5, 20, 50, 200}) {
        const Sentences sentence = SentencesOf(1, tokens);
        const Sample calls = CallsPerSecond(1, context.repetitions(), [&](int) {
          auto batch =
              std::make_shared<Batch>(engine.get(), sentence, helpers.team());
          return [batch] { batch->Run(); };
        });
        const double least =
            LeastSeconds(lstm, StepsOf(sentence), precision, context.machine,
                         peaks, /*together=*/workers);
        const double traffic = LstmBytes(lstm, precision) * (tokens + 2);
        table.Row(
            {Name(precision), Number(workers), Number(tokens),
             Measured(Inverse(calls, 1000), 2), Number(1000 * least, 2),
             Number(1e-9 * traffic * calls.median / peaks.dram.median, 2)});
      }
    }
  }
}

void Growth(const Context& context) {
  Report* report = context.report;
  report->Part("growth", "Growth");
  report->Text(kExpectation);
  const Peaks& one = context.machine.peaks.at(1);
  std::vector<int> lengths = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
  if (context.settings.quick) lengths = {1, 10, 100};
  {
    Table table(report, "length",
                WithRates({{"precision", "precision"},
                           {"sentences", "sentences"},
                           {"tokens", "tokens"}}));
    for (Precision precision : context.machine.precisions) {
      const auto engine = context.MakeEngine(precision);
      for (int tokens : lengths) {
        AddRates(context, *engine, precision, one, SentencesOf(1, tokens),
                 {Name(precision), Number(1), Number(tokens)}, &table);
      }
      // The same work as many short or a few long ones.
      for (int tokens : lengths) {
        if (tokens < 5 || tokens > 500) continue;
        const int count = std::max(1, 512 / tokens);
        AddRates(context, *engine, precision, one, SentencesOf(count, tokens),
                 {Name(precision), Number(count), Number(tokens)}, &table);
      }
    }
  }
  report->Text("Workers, each with 32 sentences, and each with one:");
  Table table(report, "workers",
              {{"precision", "precision"},
               {"sentences", "sentences"},
               {"workers", "workers"},
               {"tokens_per_second", "tokens/s"},
               {"times", "times one"},
               {"expected_times", "expected"}});
  for (Precision precision : context.machine.precisions) {
    const auto engine = context.MakeEngine(precision);
    for (int count : {1, 32}) {
      const Sentences sentences = MixedSentences(count);
      const std::vector<int64_t> steps = StepsOf(sentences);
      double of_one = 0;
      for (int workers = 1; workers <= context.workers(); ++workers) {
        const Sample rate = Times(BatchesPerSecond(*engine, workers, sentences,
                                                   context.repetitions()),
                                  static_cast<double>(TokensOf(sentences)));
        if (workers == 1) of_one = rate.median;
        // Peaks are known for one and for all; between them as for one.
        const auto found = context.machine.peaks.find(workers);
        const LstmOptions& lstm = context.model().lstm;
        double expected = workers;
        if (found != context.machine.peaks.end()) {
          expected *=
              LeastSeconds(lstm, steps, precision, context.machine, one) /
              LeastSeconds(lstm, steps, precision, context.machine,
                           found->second);
        }
        table.Row({Name(precision), Number(count), Number(workers),
                   Measured(rate), Number(rate.median / of_one, 2),
                   Number(expected, 2)});
      }
    }
  }
}

}  // namespace elmo::bench
