#include "server/security/certificate_store.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/security/small_file.h"

namespace elmo {

absl::StatusOr<std::unique_ptr<CertificateStore>> CertificateStore::Create(
    const Paths& paths, WallTime now) {
  std::unique_ptr<CertificateStore> store(new CertificateStore(paths));
  ELMO_RETURN_IF_ERROR(store->Reload(now).status());
  return store;
}

absl::StatusOr<CertificateTexts> CertificateStore::Read() const {
  ELMO_ASSIGN_OR_RETURN(
      std::vector<std::string> contents,
      ReadTogether({paths_.chain, paths_.key, paths_.client_ca}));
  CertificateTexts texts;
  texts.chain = std::move(contents[0]);
  texts.key = std::move(contents[1]);
  texts.client_ca = std::move(contents[2]);
  // Empty means "no client authorities" further on, which would let in
  // everybody.
  if (!paths_.client_ca.empty() && texts.client_ca.empty()) {
    return absl::InvalidArgumentError("the client authorities: empty file");
  }
  return texts;
}

absl::Status CertificateStore::Explain(const absl::Status& status) const {
  std::string files = absl::StrCat(paths_.chain, ", ", paths_.key);
  if (!paths_.client_ca.empty())
    absl::StrAppend(&files, ", ", paths_.client_ca);
  return absl::Status(status.code(),
                      absl::StrCat("TLS (", files, "): ", status.message()));
}

absl::StatusOr<bool> CertificateStore::Reload(WallTime now) {
  absl::StatusOr<CertificateTexts> texts = Read();
  if (!texts.ok()) return Explain(texts.status());
  const std::shared_ptr<const CertificateSet> before = current();
  if (before != nullptr && *texts == before->texts) return false;
  absl::StatusOr<CertificateSet> set =
      CheckCertificates(*std::move(texts), now);
  if (!set.ok()) return Explain(set.status());
  MutexLock lock(&mu_);
  current_ = std::make_shared<const CertificateSet>(*std::move(set));
  return true;
}

std::shared_ptr<const CertificateSet> CertificateStore::current() const {
  MutexLock lock(&mu_);
  return current_;
}

}  // namespace elmo
