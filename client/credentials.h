#ifndef ELMO_CLIENT_CREDENTIALS_H_
#define ELMO_CLIENT_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace elmo {

// Where a caller finds what a server with TLS or tokens asks for. All empty:
// plain text, and no token.
struct CredentialFiles {
  // TLS also where neither of the files below is named.
  bool tls = false;
  // PEM: the authorities that may vouch for the server. Empty: the system's.
  std::string tls_ca;
  // PEM: the caller's own certificate, with those that lead to a root, and its
  // key; for servers that ask for one (mutual TLS). Both or neither.
  std::string tls_cert;
  std::string tls_key;
  // The token, alone or as the first line that is no comment (#).
  std::string token;
};

struct Credentials {
  // For MakeGrpcConnection(); null: plain text.
  std::shared_ptr<grpc::ChannelCredentials> channel;
  std::string token;  // For ClientOptions::token.
};

// Reads the files, once. FAILED_PRECONDITION with the name of the file that
// cannot be read or holds nothing of the kind; INVALID_ARGUMENT where a
// certificate comes without its key. What is in the certificates is found out
// by the first connection.
absl::StatusOr<Credentials> ReadCredentials(const CredentialFiles& files);

}  // namespace elmo

#endif  // ELMO_CLIENT_CREDENTIALS_H_
