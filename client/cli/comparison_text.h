#ifndef ELMO_CLIENT_CLI_COMPARISON_TEXT_H_
#define ELMO_CLIENT_CLI_COMPARISON_TEXT_H_

#include <string>
#include <vector>

#include "client/cli/comparison.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo::cli {

// Everything that `compare` found out.
struct ComparisonResult {
  std::string word;
  std::vector<v1::Sentence> sentences;   // Those with the word.
  std::vector<int> numbers;              // Which they are of all, from 0.
  std::vector<SentenceVectors> vectors;  // Of each.
  std::vector<WordUse> uses;             // Two or more.
  std::vector<LayerComparison> layers;   // One or more.
};

// How it is shown.
struct TextStyle {
  int columns = 80;    // Width of the terminal.
  bool color = false;  // The word in bold; else in [brackets].
};

// For people: the uses with the word marked, a table of cosines per layer, the
// nearest use of each per layer, and the pairs that the last layer finds alike.
std::string ComparisonText(const ComparisonResult& result,
                           const TextStyle& style);

// For programs: one JSON object. Uses and sentences (of all) count from
// 0.
std::string ComparisonJson(const ComparisonResult& result);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_COMPARISON_TEXT_H_
