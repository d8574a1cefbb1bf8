#ifndef ELMO_SERVER_SECURITY_SECURITY_H_
#define ELMO_SERVER_SECURITY_SECURITY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "server/security/auth_tokens.h"
#include "server/security/call_gate.h"
#include "server/security/certificate_store.h"
#include "server/security/security_options.h"

namespace elmo {

// A warning where a certificate has expired or will within a week; else empty.
std::string ExpiryWarning(WallTime expires, WallTime now);

// Certificates and tokens of a running server: read and checked at the start,
// read again every few seconds and on Reload(). What is in use stays in use
// while the files are wrong.
//
// Thread-safe.
class Security {
 public:
  // Attempts count, also those of the server itself every few seconds: a
  // counter of failures rises for as long as files are wrong.
  struct Stats {
    int64_t certificate_changes = 0;
    int64_t certificate_failures = 0;
    int64_t token_changes = 0;
    int64_t token_failures = 0;
    int64_t unauthenticated_calls = 0;
    int64_t oversized_metadata_calls = 0;
    // Of the certificates in use; nullopt without TLS.
    std::optional<WallTime> certificate_expires;
  };

  // An error names the file and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<Security>> Create(
      const SecurityOptions& options);
  ~Security();

  // Reads the files now. The first error, which is in the log as well.
  absl::Status Reload();

  Stats stats() const;

  // Null without TLS. Both may outlive this object.
  const std::shared_ptr<CertificateStore>& certificates() const {
    return certificates_;
  }
  const std::shared_ptr<CallGate>& gate() const { return gate_; }
  // What is in force, in a line for people.
  std::string Describe() const;

 private:
  Security() = default;
  void Watch();
  void WarnOfExpiry() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReloadCertificates() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReloadTokens() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // All three constant after Create().
  std::shared_ptr<CertificateStore> certificates_;
  std::shared_ptr<TokenStore> tokens_;
  std::shared_ptr<CallGate> gate_;

  mutable Mutex mu_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  Stats stats_ ABSL_GUARDED_BY(mu_);
  // The last complaints, so that the log has each once.
  std::string certificate_complaint_ ABSL_GUARDED_BY(mu_);
  std::string token_complaint_ ABSL_GUARDED_BY(mu_);
  WallTime warned_of_expiry_ ABSL_GUARDED_BY(mu_);

  std::thread watcher_;  // Last: joined before the rest dies.
};

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_SECURITY_H_
