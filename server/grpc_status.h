#ifndef ELMO_SERVER_GRPC_STATUS_H_
#define ELMO_SERVER_GRPC_STATUS_H_

#include <chrono>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"

namespace elmo {

// The same code and message: both use gRPC's sixteen codes.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Tells a client that was refused with UNAVAILABLE when to try again, in the
// trailer that gRPC's own retries obey: `retry_after`, but at least 50 ms and
// at most 10 s. Must be called before Finish().
void AddRetryPushback(std::chrono::nanoseconds retry_after,
                      grpc::ServerContextBase* context);

}  // namespace elmo

#endif  // ELMO_SERVER_GRPC_STATUS_H_
