#include "client/load/load_record.h"

#include "client/retry_pushback.h"

namespace elmo {

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kExpired:
      return "expired";
    case Outcome::kCancelled:
      return "cancelled";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kAbandoned:
      return "abandoned";
  }
  return "unknown";
}

Outcome Classify(const absl::Status& status, bool cancelled, bool abandoned) {
  if (status.ok()) return Outcome::kOk;
  if (absl::IsDeadlineExceeded(status)) return Outcome::kExpired;
  if (absl::IsCancelled(status) && cancelled) return Outcome::kCancelled;
  if (absl::IsCancelled(status) && abandoned) return Outcome::kAbandoned;
  // No connection is UNAVAILABLE too, but without a time to come again.
  const bool pushed_back =
      absl::IsUnavailable(status) && RetryPushback(status).has_value();
  return pushed_back ? Outcome::kRefused : Outcome::kFailed;
}

}  // namespace elmo
