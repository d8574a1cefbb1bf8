#ifndef ELMO_TESTS_TESTING_GOLDEN_H_
#define ELMO_TESTS_TESTING_GOLDEN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/testing/matrix_near.h"
#include "tests/testing/tiny_model.h"

namespace elmo::testing {

// How near the golden vectors a result must be: what AllenNLP and bilm-tf ask
// of themselves. The goldens carry about 1e-6 of float32 noise of their own.
inline constexpr Tolerance kGoldenTolerance = {1e-6, 1e-5};

// AllenNLP's test model with its sentences and their expected vectors, read
// from the original files without any help of the code under test.
struct Golden {
  // kRows lists of kBatches sentences. Batch i is sentence i of each list; row
  // k starts from the state that row k had after batch i - 1.
  static constexpr int kRows = 3;
  static constexpr int kBatches = 10;

  std::unique_ptr<TinyModel> model;
  std::vector<std::string> sentences[kRows][kBatches];
  // Top layer [tokens, 2P] of each sentence, boundaries removed.
  WantedMatrix top_layer[kRows][kBatches];
  // The words whose token vectors are known; <S> and </S> are the boundaries.
  std::vector<std::string> vocabulary;
  WantedMatrix token_vectors;  // [vocabulary, P]
};

// Reads the folder fixtures/allennlp-elmo of the shared data. INTERNAL, naming
// the file or dataset, where one is not as expected.
absl::StatusOr<std::unique_ptr<Golden>> LoadGolden(
    const std::string& directory);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_GOLDEN_H_
