#ifndef ELMO_SERVER_GRPC_SERVER_H_
#define ELMO_SERVER_GRPC_SERVER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/connection_acceptor.h"
#include "server/security/security.h"
#include "server/server_options.h"

namespace elmo {

// A gRPC server for `service` with all of our limits, the certificates and the
// gate of `security`, the health service, and
// reflection and channelz as the options say. It serves when this returns;
// *port is the bound port
// (1 for a unix socket), *acceptor what lets connections in, to be stopped
// before the server (null for a unix socket). UNAVAILABLE where it cannot
// listen.
absl::StatusOr<std::unique_ptr<grpc::Server>> StartGrpcServer(
    const ServerOptions& options, const Security& security,
    grpc::Service* service, int* port,
    std::unique_ptr<ConnectionAcceptor>* acceptor);

}  // namespace elmo

#endif  // ELMO_SERVER_GRPC_SERVER_H_
