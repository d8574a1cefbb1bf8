#include "client/retry_pushback.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"

namespace elmo {

std::optional<std::chrono::milliseconds> RetryPushback(
    const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryPushback);
  if (!payload.has_value()) return std::nullopt;
  int64_t milliseconds;
  if (!absl::SimpleAtoi(std::string(*payload), &milliseconds)) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(milliseconds);
}

void SetRetryPushback(absl::string_view milliseconds, absl::Status* status) {
  status->SetPayload(kRetryPushback, absl::Cord(milliseconds));
}

}  // namespace elmo
