#include "client/load/arrival_schedule.h"

namespace elmo {
namespace {

using std::chrono::nanoseconds;

nanoseconds Scaled(nanoseconds time, double factor) {
  return nanoseconds(
      static_cast<int64_t>(static_cast<double>(time.count()) * factor));
}

}  // namespace

ArrivalSchedule::ArrivalSchedule(const Options& options)
    : options_(options),
      arrivals_(4 * options.seed),
      requests_(4 * options.seed + 1),
      deadlines_(4 * options.seed + 2),
      cancellations_(4 * options.seed + 3) {}

std::optional<PlannedCall> ArrivalSchedule::Next() {
  if (ended_by_count()) return std::nullopt;
  if (options_.rate > 0) {
    now_seconds_ += arrivals_.Exponential() / options_.rate;
  }
  PlannedCall call;
  call.intended = Scaled(std::chrono::seconds(1), now_seconds_);
  if (options_.duration && call.intended >= *options_.duration) {
    return std::nullopt;
  }
  call.number = next_number_++;
  call.request = requests_.Below(options_.num_requests);
  call.deadline = options_.min_deadline +
                  Scaled(options_.max_deadline - options_.min_deadline,
                         deadlines_.Uniform());
  const double lot = cancellations_.Uniform();
  const double delay = cancellations_.Uniform();
  if (lot < options_.cancel_share) {
    call.cancel_after = Scaled(options_.max_cancel_delay, delay);
  }
  return call;
}

}  // namespace elmo
