#ifndef ELMO_CORE_ENGINE_ENGINE_H_
#define ELMO_CORE_ENGINE_ENGINE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/team.h"
#include "core/engine/output_spec.h"
#include "core/engine/word_cache.h"
#include "core/model/lstm_state.h"
#include "core/model/model_options.h"

namespace elmo {

// One sentence to run. Nothing is owned; all must live until Run() returns.
struct SentenceInput {
  // The words, without boundaries; the empty string is a word like any other.
  absl::Span<const std::string> tokens;
  const OutputSpec* output = nullptr;
  // Where the recurrence starts; null: from zero.
  const LstmState* start_state = nullptr;
};

// What Run() fills in for one sentence.
struct SentenceOutput {
  std::vector<float> values;  // C order, shape OutputShape().
  // Set by the caller to get the sentence's final state; null: not wanted. May
  // be the object that start_state points to.
  LstmState* final_state = nullptr;
};

// Computes embeddings: a synchronous function without threads, clocks or
// locks that a caller can notice. An interface because the server's tests run
// without a model.
//
// A sentence's values depend on its tokens, start state and output alone, bit
// for bit: not on the others in the call, their number or order, nor on earlier
// calls.
//
// Thread-safe: Run() may be called concurrently with distinct workspaces.
class Engine {
 public:
  // All scratch memory of one call of Run(), to be used again by the next; not
  // by two at a time.
  class Workspace {
   public:
    virtual ~Workspace() = default;

    // Where not empty: called between the steps of a Run() with this workspace,
    // on its thread, every few milliseconds at least on the models that are
    // known. May call Run() with another workspace: that is how urgent
    // sentences overtake a long batch.
    std::function<void()> between_steps;

    // Where not null: its helpers share the work of a Run() with this
    // workspace, whose thread leads it. Not owned. Values do not depend on how
    // many there are, when they come or go.
    Team* team = nullptr;
  };

  virtual ~Engine() = default;

  virtual const ModelOptions& options() const = 0;

  // Figures for metrics: the instruction set of the inner loops; what the word
  // cache did, zeros where there is none.
  virtual std::string isa() const { return "none"; }
  virtual WordCache::Stats word_cache_stats() const { return {}; }

  virtual std::unique_ptr<Workspace> CreateWorkspace() const = 0;

  // Runs all sentences together; outputs[i] belongs to inputs[i], the spans
  // have the same size. Every `output` must have passed ValidateOutputSpec().
  // The caller bounds the sizes: memory grows with the tokens of the call.
  // INTERNAL when the computation failed: then no output may be used.
  virtual absl::Status Run(absl::Span<const SentenceInput> inputs,
                           Workspace* workspace,
                           absl::Span<SentenceOutput> outputs) const = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_ENGINE_ENGINE_H_
