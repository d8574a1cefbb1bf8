#include "client/credentials.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string contents{std::istreambuf_iterator<char>(file), {}};
  if (file.is_open() && !file.bad()) return contents;
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", std::strerror(errno)));
}

// gRPC takes anything and fails at the first connection, without a reason.
absl::StatusOr<std::string> ReadPem(const std::string& path,
                                    const std::string& what) {
  if (path.empty()) return std::string();
  ELMO_ASSIGN_OR_RETURN(std::string pem, ReadFile(path));
  // "-----BEGIN CERTIFICATE-----", "-----BEGIN EC PRIVATE KEY-----"
  if (absl::StrContains(pem, "-----BEGIN ") &&
      absl::StrContains(pem, absl::StrCat(what, "-----"))) {
    return pem;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": no ", what, " in PEM"));
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  if (path.empty()) return std::string();
  ELMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view token = absl::StripAsciiWhitespace(line);
    if (token.empty() || token.front() == '#') continue;
    for (const char c : token) {
      if (absl::ascii_isgraph(static_cast<unsigned char>(c))) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": a token has no blanks or control characters"));
    }
    return std::string(token);
  }
  return absl::FailedPreconditionError(absl::StrCat(path, ": no token"));
}

}  // namespace

absl::StatusOr<Credentials> ReadCredentials(const CredentialFiles& files) {
  if (files.tls_cert.empty() != files.tls_key.empty()) {
    return absl::InvalidArgumentError(
        "a certificate and its key belong together: tls_cert and tls_key");
  }
  Credentials credentials;
  ELMO_ASSIGN_OR_RETURN(credentials.token, ReadToken(files.token));
  if (!files.tls && files.tls_ca.empty() && files.tls_cert.empty()) {
    return credentials;
  }
  grpc::SslCredentialsOptions options;
  ELMO_ASSIGN_OR_RETURN(options.pem_root_certs,
                        ReadPem(files.tls_ca, "CERTIFICATE"));
  ELMO_ASSIGN_OR_RETURN(options.pem_cert_chain,
                        ReadPem(files.tls_cert, "CERTIFICATE"));
  ELMO_ASSIGN_OR_RETURN(options.pem_private_key,
                        ReadPem(files.tls_key, "PRIVATE KEY"));
  credentials.channel = grpc::SslCredentials(options);
  return credentials;
}

}  // namespace elmo
