#include "server/security/security_options.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

absl::Status Contradiction(absl::string_view message) {
  return absl::InvalidArgumentError(message);
}

absl::Status ValidateTls(const SecurityOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return Contradiction(
        "--tls-cert and --tls-key must be given together, or neither");
  }
  if (!options.tls_client_ca.empty() && !options.tls()) {
    return Contradiction("--tls-client-ca needs --tls-cert and --tls-key");
  }
  return absl::OkStatus();
}

absl::Status ValidateExposure(const SecurityOptions& options,
                              absl::string_view listen) {
  if (IsLocalAddress(listen)) return absl::OkStatus();
  if (options.tokens() && !options.tls() && !options.allow_plaintext_tokens) {
    return Contradiction(absl::StrCat(
        "--auth-tokens-file without --tls-cert on ", listen,
        ": tokens could be read on the way. Give --tls-cert and --tls-key, or "
        "--allow-plaintext-tokens where something in front encrypts"));
  }
  if (!options.hardened) return absl::OkStatus();
  if (!options.tls()) {
    return Contradiction(
        absl::StrCat("--hardened needs --tls-cert and --tls-key on ", listen,
                     ", which others than this machine reach"));
  }
  if (!options.tokens() && options.tls_client_ca.empty()) {
    return Contradiction(absl::StrCat(
        "--hardened needs --tls-client-ca or --auth-tokens-file on ", listen,
        ", which others than this machine reach"));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsLocalAddress(absl::string_view listen) {
  if (absl::StartsWith(listen, "unix:")) return true;
  const absl::string_view host = listen.substr(0, listen.rfind(':'));
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  // Digits and dots only: 127.example.com is not this machine.
  return absl::StartsWith(host, "127.") &&
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

absl::Status SecurityOptions::Validate(absl::string_view listen) const {
  ELMO_RETURN_IF_ERROR(ValidateTls(*this));
  if (allow_plaintext_tokens && (!tokens() || hardened)) {
    return Contradiction(
        hardened ? "--hardened excludes --allow-plaintext-tokens"
                 : "--allow-plaintext-tokens needs --auth-tokens-file");
  }
  constexpr int64_t kMin = 1 << 10;
  constexpr int64_t kMax = 1 << 20;
  if (max_metadata_bytes < kMin || max_metadata_bytes > kMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max-metadata-bytes is ", max_metadata_bytes,
                     "; it must be ", kMin, " to ", kMax));
  }
  return ValidateExposure(*this, listen);
}

}  // namespace elmo
