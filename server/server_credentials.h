#ifndef ELMO_SERVER_SERVER_CREDENTIALS_H_
#define ELMO_SERVER_SERVER_CREDENTIALS_H_

#include <memory>

#include "grpcpp/grpcpp.h"
#include "server/security/security.h"

namespace elmo {

// What a port of ours is opened with: TLS with the certificates that are in use
// when a connection begins, or plain text; and the gate, which every call has
// to pass whatever its service. The stores and the gate of `security` are kept;
// `security` itself may go. Credentials are for one port.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const Security& security);

}  // namespace elmo

#endif  // ELMO_SERVER_SERVER_CREDENTIALS_H_
