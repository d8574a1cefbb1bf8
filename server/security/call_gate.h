#ifndef ELMO_SERVER_SECURITY_CALL_GATE_H_
#define ELMO_SERVER_SECURITY_CALL_GATE_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/security/auth_tokens.h"

namespace elmo {

// The one place where a call is let in or refused by its metadata, before its
// method is looked up: so it holds for every service, unary or stream, ours or
// gRPC's own.
//
// Thread-safe.
class CallGate {
 public:
  struct Metadatum {
    absl::string_view key;
    absl::string_view value;
  };

  // `tokens` may be null: everybody is let in.
  CallGate(std::shared_ptr<const TokenStore> tokens, int64_t max_metadata_bytes)
      : tokens_(std::move(tokens)), max_metadata_bytes_(max_metadata_bytes) {}

  // `metadata` is the call's, with its method under ":path".
  // RESOURCE_EXHAUSTED where it is too large, UNAUTHENTICATED without a token
  // or with a wrong one; calls of grpc.health.v1 need none. A message never
  // holds anything of the metadata.
  absl::Status Admit(absl::Span<const Metadatum> metadata);

  int64_t unauthenticated() const { return unauthenticated_.load(); }
  int64_t oversized() const { return oversized_.load(); }

 private:
  absl::Status CheckSize(absl::Span<const Metadatum> metadata) const;
  absl::Status Authenticate(absl::Span<const Metadatum> metadata) const;

  const std::shared_ptr<const TokenStore> tokens_;
  const int64_t max_metadata_bytes_;
  std::atomic<int64_t> unauthenticated_{0};
  std::atomic<int64_t> oversized_{0};
};

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_CALL_GATE_H_
