#ifndef ELMO_SERVER_GRPC_SERVER_H_
#define ELMO_SERVER_GRPC_SERVER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/server_options.h"

namespace elmo {

// A gRPC server for `service` with all of our limits, the health service, and
// reflection and channelz as the options say. It serves when this returns;
// *port is the bound port. UNAVAILABLE where it cannot listen.
absl::StatusOr<std::unique_ptr<grpc::Server>> StartGrpcServer(
    const ServerOptions& options, grpc::Service* service, int* port);

}  // namespace elmo

#endif  // ELMO_SERVER_GRPC_SERVER_H_
