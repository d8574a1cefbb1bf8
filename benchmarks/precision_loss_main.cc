// What a low precision costs in accuracy: the same sentences through an f32
// engine and one of each precision, and how far the vectors are apart.
//
//   scripts/bench precision_loss --model DIR [--sentences FILE]
//
// By layer: cosine (mean, worst word), error (root of the mean square over that
// of f32's values); by place in the sentence, since errors could grow along the
// recurrence, and for the tenth of the words that is rarest.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/elmo_engine.h"
#include "core/layers/precision.h"
#include "core/model/model_package.h"
#include "tests/testing/vector_errors.h"

namespace elmo {
namespace {

using testing::VectorErrors;

using Sentence = std::vector<std::string>;

constexpr size_t kBatch = 32;

std::vector<Sentence> ReadSentences(const std::string& path, size_t limit) {
  std::vector<Sentence> sentences;
  std::ifstream file(path);
  std::string line;
  while (sentences.size() < limit && std::getline(file, line)) {
    Sentence tokens;
    size_t begin = 0;
    line = line.substr(0, line.find('\t'));
    while ((begin = line.find_first_not_of(' ', begin)) != std::string::npos) {
      const size_t end = std::min(line.find(' ', begin), line.size());
      tokens.push_back(line.substr(begin, end - begin));
      begin = end;
    }
    if (!tokens.empty()) sentences.push_back(std::move(tokens));
  }
  return sentences;
}

// The tenth of the running words that are rarest here.
std::map<std::string, bool> RareWords(const std::vector<Sentence>& sentences) {
  std::map<std::string, int64_t> counts;
  int64_t total = 0;
  for (const Sentence& s : sentences) {
    for (const std::string& token : s) ++counts[token], ++total;
  }
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [word, count] : counts) order.emplace_back(count, word);
  std::sort(order.begin(), order.end());
  std::map<std::string, bool> rare;
  int64_t taken = 0;
  for (const auto& [count, word] : order) {
    rare[word] = taken < total / 10;
    taken += count;
  }
  return rare;
}

std::vector<SentenceOutput> Run(const Engine& engine,
                                const OutputSpec& all_layers,
                                const LstmState* start,
                                const std::vector<Sentence>& sentences,
                                size_t first, Engine::Workspace* workspace) {
  std::vector<SentenceInput> inputs;
  const size_t end = std::min(sentences.size(), first + kBatch);
  for (size_t i = first; i < end; ++i) {
    inputs.push_back({sentences[i], &all_layers, start});
  }
  std::vector<SentenceOutput> outputs(inputs.size());
  const absl::Status status =
      engine.Run(inputs, workspace, absl::MakeSpan(outputs));
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
  return outputs;
}

// A step of the tables by place: 0, 1, 2-3, 4-7, ... 64 and beyond.
int PlaceOf(size_t position) {
  int place = 0;
  while (position > 0 && place < 7) position /= 2, ++place;
  return place;
}

int Main(int argc, char** argv) {
  CLI::App app("How far bf16 and int8 are from f32.", "precision_loss");
  std::string directory = "models/elmo-en-small";
  std::string path = "../shared/evaluation/pos-masc-test.tsv";
  size_t limit = 1000000;
  app.add_option("--model", directory, "Model package")->capture_default_str();
  app.add_option("--sentences", path,
                 "Tokenised sentences, one a line, first column")
      ->capture_default_str();
  app.add_option("--limit", limit, "Sentences to read")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto package = ModelPackage::Load(directory);
  if (!package.ok()) throw std::runtime_error(package.status().ToString());
  const ModelOptions& options = (*package)->options();
  const std::vector<Sentence> sentences = ReadSentences(path, limit);
  if (sentences.empty()) throw std::runtime_error("no sentences in " + path);
  const std::map<std::string, bool> rare = RareWords(sentences);
  const LstmState* start =
      (*package)->warm_state() ? &*(*package)->warm_state() : nullptr;
  OutputSpec all_layers;
  all_layers.selection = OutputSpec::Selection::kLayers;

  const auto make = [&](Precision precision) {
    ElmoEngineOptions engine_options;
    engine_options.precision = precision;
    auto engine =
        ElmoEngine::Create(options, (*package)->weights(), engine_options);
    if (!engine.ok()) throw std::runtime_error(engine.status().ToString());
    return std::move(*engine);
  };
  const auto exact = make(Precision::kF32);
  const auto exact_workspace = exact->CreateWorkspace();
  const int64_t dim = options.output_dim();
  for (Precision precision : {Precision::kBf16, Precision::kInt8}) {
    if (const absl::Status cpu = CheckCpuFor(precision); !cpu.ok()) {
      std::printf("%s\n", std::string(cpu.message()).c_str());
      continue;
    }
    const auto engine = make(precision);
    const auto workspace = engine->CreateWorkspace();
    const int layers = options.num_output_layers();
    std::vector<VectorErrors> by_layer(layers), of_rare(layers);
    std::vector<std::vector<VectorErrors>> by_place(
        layers, std::vector<VectorErrors>(8));
    for (size_t first = 0; first < sentences.size(); first += kBatch) {
      const auto want = Run(*exact, all_layers, start, sentences, first,
                            exact_workspace.get());
      const auto got =
          Run(*engine, all_layers, start, sentences, first, workspace.get());
      for (size_t i = 0; i < want.size(); ++i) {
        const Sentence& tokens = sentences[first + i];
        for (int l = 0; l < layers; ++l) {
          for (size_t t = 0; t < tokens.size(); ++t) {
            const size_t at = (l * tokens.size() + t) * dim;
            const float* a = want[i].values.data() + at;
            const float* b = got[i].values.data() + at;
            by_layer[l].Add(a, b, dim);
            by_place[l][PlaceOf(t)].Add(a, b, dim);
            if (rare.at(tokens[t])) of_rare[l].Add(a, b, dim);
          }
        }
      }
    }
    std::printf("\n%s against f32, %s, %zu sentences, %lld words\n\n",
                PrecisionName(precision), directory.c_str(), sentences.size(),
                static_cast<long long>(by_layer[0].count));
    std::printf(
        "| layer | cosine, mean | worst word | words below 0.98 | relative "
        "error | rare tenth |");
    for (const char* place :
         {"1st", "2nd", "3-4", "5-8", "9-16", "17-32", "33-64", "65-"}) {
      std::printf(" %s |", place);
    }
    std::printf(
        "\n|%s\n",
        " --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | "
        "--- | --- | --- |");
    for (int l = 1; l < layers; ++l) {
      const VectorErrors& e = by_layer[l];
      std::printf("| %d | %.6f | %.5f | %lld | %.3f %% | %.3f %% |", l,
                  e.mean_cosine(), e.worst_cosine,
                  static_cast<long long>(e.poor), 100 * e.relative_rms(),
                  100 * of_rare[l].relative_rms());
      for (const VectorErrors& place : by_place[l]) {
        if (place.count == 0) {
          std::printf(" |");
        } else {
          std::printf(" %.3f %% |", 100 * place.relative_rms());
        }
      }
      std::printf("\n");
    }
  }
  return 0;
}

}  // namespace
}  // namespace elmo

int main(int argc, char** argv) {
  try {
    return elmo::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "precision_loss: %s\n", error.what());
    return 1;
  }
}
