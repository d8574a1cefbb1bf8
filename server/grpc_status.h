#ifndef ELMO_SERVER_GRPC_STATUS_H_
#define ELMO_SERVER_GRPC_STATUS_H_

#include <chrono>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"

namespace elmo {

// The same code and message: both use gRPC's sixteen codes.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Those who are refused together must not come back together: each waits its
// own time, up to so many times what the backlog takes.
inline constexpr double kMostRetrySpread = 1.5;

// When a client that was refused should try again: `retry_after`, but at least
// 50 ms and at most 10 s, times a random factor from 1 to kMostRetrySpread.
// Thread-safe.
std::chrono::milliseconds RetryPushback(std::chrono::nanoseconds retry_after);

// Tells a client that was refused with UNAVAILABLE when to try again, in the
// trailer that gRPC's own retries obey: RetryPushback(). Must be called before
// Finish().
void AddRetryPushback(std::chrono::nanoseconds retry_after,
                      grpc::ServerContextBase* context);

}  // namespace elmo

#endif  // ELMO_SERVER_GRPC_STATUS_H_
