#ifndef ELMO_TESTS_CORE_ENGINE_SAME_BITS_H_
#define ELMO_TESTS_CORE_ENGINE_SAME_BITS_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/core/engine/engine_testing.h"

namespace elmo::testing {

// The promise "same sentence, same bits": what a sentence gives is compared,
// byte by byte, with what it gave alone in a fresh workspace, whatever company
// it is in. Values and final state both count.
class SameBitsChecker {
 public:
  // Runs each sentence of `pool` alone to learn its result.
  SameBitsChecker(const Engine& engine, std::vector<Sentence> pool);

  const std::vector<Sentence>& pool() const { return pool_; }
  const Engine& engine() const { return engine_; }

  // Runs the sentences pool()[chosen[0]], pool()[chosen[1]], ... in one call.
  // Empty if each gave its own bits; else the first that did not, and where.
  // Thread-safe with distinct workspaces.
  std::string Check(const std::vector<size_t>& chosen,
                    Engine::Workspace* workspace) const;

  // Every number of rows from 1 to the pool's size, sentences and rows in a
  // random order of `seed`, one call after the other in one workspace.
  std::string CheckEverySize(uint64_t seed, Engine::Workspace* workspace) const;

 private:
  const Engine& engine_;
  std::vector<Sentence> pool_;
  std::vector<Result> alone_;
};

// `count` random sentences of low to high tokens; one in three has a start
// state, and their outputs are all different.
std::vector<Sentence> MixedPool(const ModelOptions& options, uint64_t seed,
                                int64_t count, int64_t low, int64_t high);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CORE_ENGINE_SAME_BITS_H_
