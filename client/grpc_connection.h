#ifndef ELMO_CLIENT_GRPC_CONNECTION_H_
#define ELMO_CLIENT_GRPC_CONNECTION_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "client/client_options.h"
#include "client/embed_connection.h"

namespace elmo {

// The real connection. It connects when the first call is made and again
// whenever the connection is lost; making one never fails. `credentials`
// absent: plain text; ReadCredentials() (credentials.h) makes some of files.
std::shared_ptr<EmbedConnection> MakeGrpcConnection(
    const ClientOptions& options,
    std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr);

// The gRPC service config behind it: retries and load balancing, as JSON.
std::string ServiceConfig(const ClientOptions& options);

}  // namespace elmo

#endif  // ELMO_CLIENT_GRPC_CONNECTION_H_
