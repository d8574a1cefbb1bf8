#ifndef ELMO_SERVER_SECURITY_SECURITY_OPTIONS_H_
#define ELMO_SERVER_SECURITY_SECURITY_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace elmo {

// Who may call, and what a connection is protected with. docs/security.md says
// what to switch on when.
struct SecurityOptions {
  // PEM files, both or neither: the server's certificate, followed by those
  // that lead to a root, and its private key. With them the server speaks TLS
  // 1.2 or 1.3 and nothing else.
  std::string tls_cert;
  std::string tls_key;
  // PEM file of certificate authorities. With it every client must show a
  // certificate that one of them issued (mutual TLS).
  std::string tls_client_ca;
  // One token a line; every call but those to the health service must bring
  // one: "authorization: Bearer TOKEN".
  std::string auth_tokens_file;
  // Tokens over an unencrypted connection can be read on the way.
  bool allow_plaintext_tokens = false;
  // HOST:PORT of a second, unencrypted port with the health service alone.
  // Empty: none.
  std::string probe_listen;
  // Names and values of a call's metadata, 32 bytes a pair on top, as HTTP/2
  // counts.
  int64_t max_metadata_bytes = int64_t{16} << 10;
  // Refuses an address that others can reach without TLS and without knowing
  // its callers. (Reflection and channelz are switched off by the flags.)
  bool hardened = false;

  bool tls() const { return !tls_cert.empty(); }
  bool tokens() const { return !auth_tokens_file.empty(); }

  // INVALID_ARGUMENT where options contradict each other, or what `listen`
  // needs is missing. Reads no file.
  absl::Status Validate(absl::string_view listen) const;
};

// Whether only this machine can reach the address: 127.0.0.0/8, ::1, localhost
// or a unix socket.
bool IsLocalAddress(absl::string_view listen);

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_SECURITY_OPTIONS_H_
