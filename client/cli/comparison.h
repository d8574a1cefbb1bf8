#ifndef ELMO_CLIENT_CLI_COMPARISON_H_
#define ELMO_CLIENT_CLI_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/sentence_vectors.h"

namespace elmo::cli {

// One place where the word stands.
struct WordUse {
  int sentence = 0;   // Index of the sentence.
  int64_t token = 0;  // Index of the word in it.
};

// All tokens of the sentences that are `word`: those that equal it exactly, and
// in sentences without one, those that equal it but for case.
std::vector<WordUse> FindUses(const std::vector<SentenceVectors>& sentences,
                              const std::string& word);

// Cosine of the angle between two vectors of `dim` numbers, summed in double;
// 0 where one of them is all zeros.
double Cosine(const float* a, const float* b, int64_t dim);

// How alike the uses are in one layer.
struct LayerComparison {
  int layer = 0;
  std::vector<std::vector<double>> cosine;  // [use][use]
  // For each use, the other use with the largest cosine, the first of equals;
  // kAllAlike where three or more uses are the same to the last digit shown.
  std::vector<int> nearest;
};
constexpr int kAllAlike = -1;

// Compares two or more uses, in each layer of the answers. `layers`: their
// numbers. All sentences must have the same layers and width; INTERNAL if not.
absl::StatusOr<std::vector<LayerComparison>> CompareUses(
    const std::vector<SentenceVectors>& sentences,
    const std::vector<WordUse>& uses, const std::vector<int>& layers);

// Pairs of uses that are each other's nearest, in order of their first.
std::vector<std::pair<int, int>> MutualPairs(const LayerComparison& layer);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_COMPARISON_H_
