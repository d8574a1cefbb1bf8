#ifndef ELMO_SERVER_SECURITY_CERTIFICATES_H_
#define ELMO_SERVER_SECURITY_CERTIFICATES_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace elmo {

using WallTime = std::chrono::system_clock::time_point;

// What a TLS server shows and trusts, as PEM texts.
struct CertificateTexts {
  std::string chain;
  std::string key;
  std::string client_ca;  // Empty: clients need no certificate.

  bool operator==(const CertificateTexts& other) const {
    return chain == other.chain && key == other.key &&
           client_ca == other.client_ca;
  }
};

// Texts that passed the check.
struct CertificateSet {
  CertificateTexts texts;
  WallTime expires;  // The first of the chain to expire.
  int chain_length = 0;
  int client_authorities = 0;
};

// Whether a server could use these from `now` on: every certificate can be
// read and is valid now, the key is unencrypted and belongs to the first
// certificate, which may be a server's, and OpenSSL takes them (a key that is
// too short is refused). Of the client authorities one at least must be valid
// now.
//
// INVALID_ARGUMENT saying what is wrong, never with any of the content.
absl::StatusOr<CertificateSet> CheckCertificates(CertificateTexts texts,
                                                 WallTime now);

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_CERTIFICATES_H_
