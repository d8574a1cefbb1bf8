#include "server/security/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

template <auto free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

// OpenSSL leaves its errors in a queue of the thread, where the next call of
// somebody else (gRPC) would find them.
struct ErrorQueueCleaner {
  ~ErrorQueueCleaner() { ERR_clear_error(); }
};

absl::Status Bad(absl::string_view what, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", why));
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::StatusOr<std::vector<Certificate>> ReadCertificates(
    const std::string& text, absl::string_view what) {
  // gRPC takes C strings and would see the part before the NUL only.
  if (text.find('\0') != std::string::npos) return Bad(what, "holds a NUL");
  const Bio bio = Reader(text);
  std::vector<Certificate> certificates;
  for (;;) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    certificates.push_back(std::move(next));
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Bad(what, absl::StrCat("certificate ", certificates.size() + 1,
                                  " is truncated or damaged"));
  }
  ERR_clear_error();
  if (certificates.empty()) return Bad(what, "holds no PEM certificate");
  return certificates;
}

// Without it OpenSSL asks at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<Key> ReadKey(const std::string& text) {
  if (text.find('\0') != std::string::npos)
    return Bad("the key", "holds a NUL");
  const Bio bio = Reader(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (key != nullptr) return key;
  return Bad("the key",
             "holds no PEM private key, or a damaged or an encrypted one");
}

bool IsBefore(const ASN1_TIME* time, std::time_t now) {
  return X509_cmp_time(time, &now) < 0;
}

absl::Status CheckValidity(const X509* certificate, std::time_t now) {
  if (!IsBefore(X509_get0_notBefore(certificate), now)) {
    return absl::InvalidArgumentError("is not valid yet");
  }
  // 0, an unreadable time, counts as expired.
  if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0) {
    return absl::InvalidArgumentError("has expired");
  }
  return absl::OkStatus();
}

WallTime ExpiryOf(const X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&time));
}

// The very calls by which a server takes a pair.
absl::Status TryInServer(const std::vector<Certificate>& chain, EVP_PKEY* key) {
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return absl::InternalError("OpenSSL has no memory");
  if (SSL_CTX_use_certificate(context.get(), chain[0].get()) != 1) {
    return Bad("the certificate", "OpenSSL refuses it (is its key too short?)");
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) != 1) {
      return Bad("the certificate",
                 absl::StrCat("OpenSSL refuses number ", i + 1,
                              " of the chain (is its key too short?)"));
    }
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key) != 1) {
    return Bad("the key", "OpenSSL refuses it");
  }
  return absl::OkStatus();
}

absl::Status CheckChain(const std::vector<Certificate>& chain,
                        std::time_t now) {
  for (size_t i = 0; i < chain.size(); ++i) {
    const absl::Status valid = CheckValidity(chain[i].get(), now);
    if (!valid.ok()) {
      return Bad("the certificate",
                 absl::StrCat("number ", i + 1, " of ", chain.size(), " ",
                              valid.message()));
    }
  }
  if (X509_check_purpose(chain[0].get(), X509_PURPOSE_SSL_SERVER, 0) != 1) {
    return Bad("the certificate", "is not made for a server");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CheckAuthorities(const std::string& text, std::time_t now) {
  ELMO_ASSIGN_OR_RETURN(const std::vector<Certificate> authorities,
                        ReadCertificates(text, "the client authorities"));
  for (const Certificate& authority : authorities) {
    if (CheckValidity(authority.get(), now).ok()) {
      return static_cast<int>(authorities.size());
    }
  }
  return Bad("the client authorities", "none is valid now");
}

}  // namespace

absl::StatusOr<CertificateSet> CheckCertificates(CertificateTexts texts,
                                                 WallTime now) {
  const ErrorQueueCleaner cleaner;
  ERR_clear_error();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  ELMO_ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                        ReadCertificates(texts.chain, "the certificate"));
  ELMO_ASSIGN_OR_RETURN(const Key key, ReadKey(texts.key));
  if (X509_check_private_key(chain[0].get(), key.get()) != 1) {
    return Bad("the key", "does not belong to the (first) certificate");
  }
  ELMO_RETURN_IF_ERROR(CheckChain(chain, seconds));
  ELMO_RETURN_IF_ERROR(TryInServer(chain, key.get()));
  CertificateSet set;
  set.chain_length = static_cast<int>(chain.size());
  if (!texts.client_ca.empty()) {
    ELMO_ASSIGN_OR_RETURN(set.client_authorities,
                          CheckAuthorities(texts.client_ca, seconds));
  }
  set.expires = ExpiryOf(chain[0].get());
  for (const Certificate& certificate : chain) {
    set.expires = std::min(set.expires, ExpiryOf(certificate.get()));
  }
  set.texts = std::move(texts);
  return set;
}

}  // namespace elmo
