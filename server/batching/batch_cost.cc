#include "server/batching/batch_cost.h"

#include <algorithm>

namespace elmo {
namespace {

// Weight of the newest batch in the factor: about the last ten count.
constexpr double kWeight = 0.1;
constexpr double kLargestRatio = 2;

double Seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

Duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(seconds));
}

}  // namespace

BatchCost::BatchCost(const Sample& one, const Sample& full) {
  // Two equations, two unknowns.
  const auto determinant =
      static_cast<double>(one.steps * full.tokens - full.steps * one.tokens);
  const double one_time = Seconds(one.time);
  const double full_time = Seconds(full.time);
  if (determinant != 0) {
    per_step_ = (one_time * static_cast<double>(full.tokens) -
                 full_time * static_cast<double>(one.tokens)) /
                determinant;
    per_token_ = (full_time * static_cast<double>(one.steps) -
                  one_time * static_cast<double>(full.steps)) /
                 determinant;
  }
  // Noise may make one of them negative, or the two batches may be the same.
  if (determinant == 0 || per_step_ < 0 || per_token_ < 0) {
    per_step_ = 0;
    per_token_ =
        full_time / static_cast<double>(std::max<int64_t>(full.tokens, 1));
  }
}

Duration BatchCost::Predict(int64_t steps, int64_t tokens) const {
  return FromSeconds(scale_ * (per_step_ * static_cast<double>(steps) +
                               per_token_ * static_cast<double>(tokens)));
}

Duration BatchCost::PerToken(int64_t rows) const {
  return FromSeconds(
      scale_ * (per_step_ / static_cast<double>(std::max<int64_t>(rows, 1)) +
                per_token_));
}

void BatchCost::Observe(const Sample& batch) {
  if (batch.tokens == 0) return;
  if (per_step_ == 0 && per_token_ == 0) {
    per_token_ = Seconds(batch.time) / static_cast<double>(batch.tokens);
    return;
  }
  const double predicted = Seconds(Predict(batch.steps, batch.tokens));
  if (predicted <= 0) return;
  const double ratio = std::clamp(Seconds(batch.time) / predicted,
                                  1 / kLargestRatio, kLargestRatio);
  scale_ *= 1 + kWeight * (ratio - 1);
}

void BatchCost::ObserveHelped(const Sample& batch) {
  if (batch.time > Predict(batch.steps, batch.tokens)) Observe(batch);
}

}  // namespace elmo
