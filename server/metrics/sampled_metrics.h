#ifndef ELMO_SERVER_METRICS_SAMPLED_METRICS_H_
#define ELMO_SERVER_METRICS_SAMPLED_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <vector>

#include "core/base/mutex.h"
#include "server/metrics/server_metrics.h"

namespace elmo {

// The series whose values are read when they are asked for: the queue, memory,
// workers, models and the process. Thread-safe.
class SampledMetrics final : public prometheus::Collectable {
 public:
  void SetSampler(std::function<LoadFigures()> sampler);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // Held while the sampler runs.
  mutable Mutex mu_;
  std::function<LoadFigures()> sampler_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_METRICS_SAMPLED_METRICS_H_
