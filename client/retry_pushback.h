#ifndef ELMO_CLIENT_RETRY_PUSHBACK_H_
#define ELMO_CLIENT_RETRY_PUSHBACK_H_

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace elmo {

// When the server wants to be asked again: the trailer grpc-retry-pushback-ms,
// which our connection hands on as a payload of the status. A call that could
// not reach a server has none, which tells the two meanings of UNAVAILABLE
// apart. Thread-safe.
//
// Nothing where there is no payload or where it is not a time.
std::optional<std::chrono::milliseconds> RetryPushback(
    const absl::Status& status);

// `milliseconds`: the value of the trailer.
void SetRetryPushback(absl::string_view milliseconds, absl::Status* status);

// The trailer's name.
inline constexpr char kRetryPushback[] = "grpc-retry-pushback-ms";

}  // namespace elmo

#endif  // ELMO_CLIENT_RETRY_PUSHBACK_H_
