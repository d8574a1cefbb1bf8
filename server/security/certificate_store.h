#ifndef ELMO_SERVER_SECURITY_CERTIFICATE_STORE_H_
#define ELMO_SERVER_SECURITY_CERTIFICATE_STORE_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "server/security/certificates.h"

namespace elmo {

// The certificates in use, and the files that they come from. What is in use
// has always passed CheckCertificates(): files that have not are left alone
// until they are right.
//
// Thread-safe.
class CertificateStore {
 public:
  struct Paths {
    std::string chain;
    std::string key;
    std::string client_ca;  // Empty: none.
  };

  // Reads and checks. An error names the files and what is wrong with them.
  static absl::StatusOr<std::unique_ptr<CertificateStore>> Create(
      const Paths& paths, WallTime now);

  // Reads the files again. True: they changed and are used from now on; false:
  // the same as before. An error: those in use are kept.
  absl::StatusOr<bool> Reload(WallTime now);

  // A new object for each change, so that pointers tell whether one happened.
  std::shared_ptr<const CertificateSet> current() const;

 private:
  explicit CertificateStore(const Paths& paths) : paths_(paths) {}
  absl::StatusOr<CertificateTexts> Read() const;
  absl::Status Explain(const absl::Status& status) const;

  const Paths paths_;
  mutable Mutex mu_;
  std::shared_ptr<const CertificateSet> current_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_CERTIFICATE_STORE_H_
