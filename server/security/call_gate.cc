#include "server/security/call_gate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

// Probes know no tokens, and the health service tells nothing but its state.
constexpr absl::string_view kOpen = "/grpc.health.v1.Health/";
// HTTP/2's own way to count: the overhead of an entry in its table.
constexpr int64_t kBytesPerPair = 32;

// The token of "Bearer TOKEN"; empty where it is something else.
absl::string_view TokenIn(absl::string_view authorization) {
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return {};
  return absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
}

}  // namespace

absl::Status CallGate::CheckSize(absl::Span<const Metadatum> metadata) const {
  int64_t bytes = 0;
  for (const Metadatum& datum : metadata) {
    bytes += static_cast<int64_t>(datum.key.size() + datum.value.size()) +
             kBytesPerPair;
  }
  if (bytes <= max_metadata_bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "metadata has ", bytes, " bytes; limit is ", max_metadata_bytes_));
}

absl::Status CallGate::Authenticate(
    absl::Span<const Metadatum> metadata) const {
  if (tokens_ == nullptr) return absl::OkStatus();
  absl::string_view path;
  absl::string_view authorization;
  int headers = 0;
  for (const Metadatum& datum : metadata) {
    if (datum.key == ":path") path = datum.value;
    if (datum.key == "authorization") {
      authorization = datum.value;
      ++headers;
    }
  }
  if (absl::StartsWith(path, kOpen)) return absl::OkStatus();
  if (headers == 0) {
    return absl::UnauthenticatedError(
        "a token is needed, in the metadata: \"authorization: Bearer TOKEN\"");
  }
  const absl::string_view token = TokenIn(authorization);
  if (headers > 1 || token.empty()) {
    return absl::UnauthenticatedError(
        "the metadata \"authorization\" must be there once, as \"Bearer "
        "TOKEN\"");
  }
  if (!tokens_->current()->Contains(token)) {
    return absl::UnauthenticatedError("the token is not known");
  }
  return absl::OkStatus();
}

absl::Status CallGate::Admit(absl::Span<const Metadatum> metadata) {
  absl::Status status = CheckSize(metadata);
  if (!status.ok()) {
    oversized_.fetch_add(1, std::memory_order_relaxed);
    return status;
  }
  status = Authenticate(metadata);
  if (!status.ok()) unauthenticated_.fetch_add(1, std::memory_order_relaxed);
  return status;
}

}  // namespace elmo
