// Layer 0: words through the character CNN and through the word cache, and the
// CNN's convolutions against dense ones.

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "benchmarks/elmo_bench/context.h"
#include "benchmarks/elmo_bench/dnnl_yardstick.h"
#include "benchmarks/elmo_bench/workload.h"
#include "core/engine/token_vectors.h"

namespace elmo::bench {
namespace {

constexpr int64_t kWords = 64;  // In a call.

std::vector<std::string> DistinctWords() {
  std::set<std::string> words;
  for (const auto& sentence : MixedSentences(1000)) {
    for (const std::string& word : sentence) words.insert(word);
  }
  // Not the shortest first, as they were invented.
  std::vector<std::string> chosen;
  const size_t stride = words.size() / kWords;
  size_t i = 0;
  for (const std::string& word : words) {
    if (i++ % stride == 0 && chosen.size() < kWords) chosen.push_back(word);
  }
  return chosen;
}

CharEncoder Encoder(const ModelOptions& options) {
  auto encoder = CharEncoder::Create(options.char_cnn.max_characters_per_token);
  ELMO_CHECK(encoder.ok());
  return *std::move(encoder);
}

// Layer 0 as the engine computes it; without a cache where that is 0 bytes.
Sample Lookups(const Context& context, int workers, int64_t cache_bytes) {
  const std::vector<std::string> words = DistinctWords();
  const TokenVectors vectors(
      context.model(), context.package->weights().char_cnn,
      Encoder(context.model()), BestKernels(), cache_bytes);
  const Sample calls = CallsPerSecond(workers, context.repetitions(), [&](int) {
    auto table = std::make_shared<TokenVectors::Table>();
    return [&, table] {
      table->Clear();
      for (const std::string& word : words) {
        table->Add(word, vectors.encoder());
      }
      vectors.Fill(table.get());
    };
  });
  return Times(calls, kWords);
}

// The convolutions and their maxima alone: a CNN without what follows.
Sample Convolutions(const Context& context, int workers) {
  ModelOptions options = context.model();
  options.char_cnn.num_highway = 0;
  options.lstm.projection_dim = options.char_cnn.num_filters();
  CharCnnWeights weights = context.package->weights().char_cnn;
  weights.highways.clear();
  const CharCnn cnn(options, weights, BestKernels());
  const CharEncoder encoder = Encoder(options);
  const int64_t length = options.char_cnn.max_characters_per_token;
  std::vector<uint16_t> ids(kWords * length);
  const std::vector<std::string> words = DistinctWords();
  for (int64_t i = 0; i < kWords; ++i) {
    encoder.Encode(words[i], absl::MakeSpan(&ids[i * length], length));
  }
  const Sample calls = CallsPerSecond(workers, context.repetitions(), [&](int) {
    auto scratch = std::make_shared<CharCnnScratch>();
    auto out = std::make_shared<std::vector<float>>(kWords * cnn.padded_dim());
    return [&, scratch, out] {
      cnn.Run(MatrixView<const uint16_t>(ids.data(), kWords, length),
              scratch.get(), Matrix(out->data(), kWords, cnn.padded_dim()));
    };
  });
  return Times(calls, kWords);
}

// oneDNN's convolutions of the same sizes over all positions; their maxima, and
// writing the embeddings that they read, are not counted.
Sample DenseConvolutions(const Context& context, int workers) {
  const CharCnnOptions& options = context.model().char_cnn;
  const Sample calls = CallsPerSecond(workers, context.repetitions(), [&](int) {
    std::vector<std::function<void()>> all;
    for (const CharCnnOptions::Filter& filter : options.filters) {
      all.push_back(
          MakeConvolution({kWords, options.max_characters_per_token,
                           options.embedding_dim, filter.width, filter.count}));
    }
    return [all] {
      for (const auto& convolution : all) convolution();
    };
  });
  return Times(calls, kWords);
}

}  // namespace

void CharacterCnn(const Context& context) {
  Report* report = context.report;
  report->Part("cnn", "Layer 0: the character CNN and the word cache");
  double characters = 0;
  for (const std::string& word : DistinctWords()) {
    characters += static_cast<double>(word.size()) / kWords;
  }
  report->Text(absl::StrFormat(
      "%d distinct words a call, of %.1f characters on average. The dense "
      "convolution is oneDNN's, of all %d positions, without its maxima.",
      kWords, characters, context.model().char_cnn.max_characters_per_token));
  Table table(report, "rows",
              {{"workers", "workers"},
               {"uncached", "uncached words/s"},
               {"cached", "cached words/s"},
               {"tables", "convolutions words/s"},
               {"dense", "dense words/s"},
               {"ratio", "times dense"},
               {"whole_ratio", "whole CNN, times dense"}});
  for (int workers : context.worker_counts()) {
    const Sample uncached = Lookups(context, workers, 0);
    const Sample cached = Lookups(context, workers, int64_t{64} << 20);
    const Sample tables = Convolutions(context, workers);
    const Sample dense = DenseConvolutions(context, workers);
    // The same highways and projection behind dense convolutions.
    const double whole_dense =
        1 / uncached.median - 1 / tables.median + 1 / dense.median;
    table.Row({Number(workers), Measured(uncached), Measured(cached),
               Measured(tables), Measured(dense),
               Number(tables.median / dense.median, 1),
               Number(whole_dense * uncached.median, 1)});
  }
}

}  // namespace elmo::bench
