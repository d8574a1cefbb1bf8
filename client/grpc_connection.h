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
// absent: plain text.
std::shared_ptr<EmbedConnection> MakeGrpcConnection(
    const ClientOptions& options,
    std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr);

// The gRPC service config behind it: retries and load balancing, as JSON.
std::string ServiceConfig(const ClientOptions& options);

// For the main function of a program: make one before any connection, let it go
// last. The destructor waits for gRPC's threads, which clean up after the last
// connection in their own time; a program that returns meanwhile may crash.
class GrpcLibrary {
 public:
  GrpcLibrary();
  ~GrpcLibrary();
  GrpcLibrary(const GrpcLibrary&) = delete;
  GrpcLibrary& operator=(const GrpcLibrary&) = delete;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_GRPC_CONNECTION_H_
