#include "server/send_progress.h"

#include <algorithm>

namespace elmo {
namespace {

// So a stall is noticed late by a quarter of the timeout at most.
constexpr int kLooks = 4;

}  // namespace

SendProgress::SendProgress(Duration timeout, int64_t owed_bytes, TimePoint now)
    : timeout_(timeout),
      last_end_(
          now + timeout +
          std::chrono::milliseconds(1000 * owed_bytes / kLeastBytesPerSecond)),
      progressed_(now) {}

std::optional<TimePoint> SendProgress::Look(TimePoint now,
                                            std::optional<int64_t> sent) {
  TimePoint end = last_end_;
  if (sent.has_value()) {
    if (!seen_.has_value()) {
      seen_ = sent;
    } else if (*sent - *seen_ >= kLeastBytes) {
      seen_ = sent;
      progressed_ = now;
    }
    end = std::min(end, progressed_ + timeout_);
  }
  if (now >= end) return std::nullopt;
  return std::min(end, now + timeout_ / kLooks);
}

}  // namespace elmo
