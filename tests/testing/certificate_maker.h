#ifndef ELMO_TESTS_TESTING_CERTIFICATE_MAKER_H_
#define ELMO_TESTS_TESTING_CERTIFICATE_MAKER_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace elmo::testing {

struct CertificateSpec {
  std::string name = "localhost";  // And DNS name; 127.0.0.1 besides.
  // Seconds from now.
  long not_before = -3600;
  long not_after = 24 * 3600;
  bool is_authority = false;
  bool for_client_only = false;
  int rsa_bits = 0;  // 0: an elliptic curve, P-256.
};

// A certificate and its key, made by OpenSSL in this process.
class TestCertificate {
 public:
  // Signed by `issuer`, or by itself where that is null.
  explicit TestCertificate(const CertificateSpec& spec = {},
                           const TestCertificate* issuer = nullptr);

  const std::string& pem() const { return pem_; }
  const std::string& key() const { return key_; }
  // As PEM, locked with a password.
  std::string EncryptedKey() const;

 private:
  std::shared_ptr<EVP_PKEY> evp_key_;
  std::shared_ptr<X509> x509_;
  std::string pem_;
  std::string key_;
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_CERTIFICATE_MAKER_H_
