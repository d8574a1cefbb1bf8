#include "client/cli/comparison.h"

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "client/cli/text_width.h"

namespace elmo::cli {
namespace {

// Cosines are shown with three digits; closer than this they look the same.
constexpr double kSame = 5e-4;

// The other use that is most alike, or kAllAlike.
int Nearest(const std::vector<double>& cosine, int use) {
  const int count = static_cast<int>(cosine.size());
  int nearest = -1;
  double lowest = 2;
  for (int other = 0; other < count; ++other) {
    if (other == use) continue;
    if (nearest < 0 || cosine[other] > cosine[nearest]) nearest = other;
    lowest = std::fmin(lowest, cosine[other]);
  }
  return count > 2 && cosine[nearest] - lowest < kSame ? kAllAlike : nearest;
}

LayerComparison CompareLayer(const std::vector<const float*>& vectors,
                             int64_t dim) {
  LayerComparison layer;
  const size_t count = vectors.size();
  layer.cosine.assign(count, std::vector<double>(count, 0));
  for (size_t a = 0; a < count; ++a) {
    for (size_t b = a; b < count; ++b) {
      layer.cosine[a][b] = layer.cosine[b][a] =
          Cosine(vectors[a], vectors[b], dim);
    }
  }
  for (size_t use = 0; use < count; ++use) {
    layer.nearest.push_back(Nearest(layer.cosine[use], static_cast<int>(use)));
  }
  return layer;
}

}  // namespace

std::vector<WordUse> FindUses(const std::vector<SentenceVectors>& sentences,
                              const std::string& word) {
  std::vector<WordUse> uses;
  for (size_t i = 0; i < sentences.size(); ++i) {
    std::vector<WordUse> exact;
    std::vector<WordUse> folded;
    for (size_t t = 0; t < sentences[i].tokens.size(); ++t) {
      const std::string& token = sentences[i].tokens[t].text();
      const WordUse use{static_cast<int>(i), static_cast<int64_t>(t)};
      if (token == word) exact.push_back(use);
      if (EqualsIgnoringCase(token, word)) folded.push_back(use);
    }
    const std::vector<WordUse>& found = exact.empty() ? folded : exact;
    uses.insert(uses.end(), found.begin(), found.end());
  }
  return uses;
}

double Cosine(const float* a, const float* b, int64_t dim) {
  double product = 0;
  double a_square = 0;
  double b_square = 0;
  for (int64_t i = 0; i < dim; ++i) {
    product += static_cast<double>(a[i]) * b[i];
    a_square += static_cast<double>(a[i]) * a[i];
    b_square += static_cast<double>(b[i]) * b[i];
  }
  if (a_square == 0 || b_square == 0) return 0;
  return product / std::sqrt(a_square * b_square);
}

absl::StatusOr<std::vector<LayerComparison>> CompareUses(
    const std::vector<SentenceVectors>& sentences,
    const std::vector<WordUse>& uses, const std::vector<int>& layers) {
  const int64_t dim = sentences[uses[0].sentence].dim;
  std::vector<LayerComparison> comparisons;
  for (size_t l = 0; l < layers.size(); ++l) {
    std::vector<const float*> vectors;
    for (const WordUse& use : uses) {
      const SentenceVectors& sentence = sentences[use.sentence];
      if (sentence.dim != dim || use.token >= sentence.rows ||
          sentence.layers != static_cast<int64_t>(layers.size())) {
        return absl::InternalError(
            "the sentences' vectors are of different shapes");
      }
      vectors.push_back(sentence.vector(static_cast<int64_t>(l), use.token));
    }
    comparisons.push_back(CompareLayer(vectors, dim));
    comparisons.back().layer = layers[l];
  }
  return comparisons;
}

std::vector<std::pair<int, int>> MutualPairs(const LayerComparison& layer) {
  std::vector<std::pair<int, int>> pairs;
  for (size_t use = 0; use < layer.nearest.size(); ++use) {
    const int other = layer.nearest[use];
    const int self = static_cast<int>(use);
    if (other > self && layer.nearest[static_cast<size_t>(other)] == self) {
      pairs.emplace_back(self, other);
    }
  }
  return pairs;
}

}  // namespace elmo::cli
