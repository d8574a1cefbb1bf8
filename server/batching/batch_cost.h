#ifndef ELMO_SERVER_BATCHING_BATCH_COST_H_
#define ELMO_SERVER_BATCHING_BATCH_COST_H_

#include <cstdint>

#include "server/batching/time.h"

namespace elmo {

// What a batch takes on one worker alone, learned from batches that ran:
//   time = per_step * (steps of its longest sentence) + per_token * tokens
// The first part is the reading of the weights, which all rows share; the
// second the arithmetic. Their ratio is the model's and comes from two batches
// at warm-up; a common factor then follows the machine's load.
//
// Policy alone: no clock, no lock. Plain data; thread-compatible.
class BatchCost {
 public:
  struct Sample {
    int64_t steps = 0;   // Of the longest sentence, boundaries included.
    int64_t tokens = 0;  // Of all sentences, boundaries included.
    Duration time{};
  };

  // Predictions are too short by this factor now and then; who promises
  // something multiplies with it.
  static constexpr double kMargin = 1.1;

  // Nothing known: predicts zero until the first Observe().
  BatchCost() = default;
  // From a batch of one sentence and a full one.
  BatchCost(const Sample& one, const Sample& full);

  Duration Predict(int64_t steps, int64_t tokens) const;
  // One token's part of a batch of `rows` sentences of equal length.
  Duration PerToken(int64_t rows) const;

  // A batch that ran. One that stands out (the machine slept) counts for no
  // more than twice or half of what was predicted.
  void Observe(const Sample& batch);
  // One that idle workers helped with. How much they did is theirs and the
  // machine's to know: it says only that alone it would have taken at least as
  // long. A promise must hold when the next arrival takes the helpers away, so
  // what is predicted stays the time of a worker alone.
  void ObserveHelped(const Sample& batch);
  // A prediction was acted upon without running anything. Wrong predictions
  // that refuse all work would otherwise never be put right.
  void Doubt() { scale_ *= 0.998; }

 private:
  double per_step_ = 0;   // Seconds.
  double per_token_ = 0;  // Seconds.
  double scale_ = 1;
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_BATCH_COST_H_
