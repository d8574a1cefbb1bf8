#include "tests/testing/certificate_maker.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "core/base/check.h"

namespace elmo::testing {
namespace {

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

template <typename Write>
std::string ToPem(Write write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()),
                                                &BIO_free);
  ELMO_CHECK(write(bio.get()) == 1);
  return Contents(bio.get());
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  ELMO_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void Fill(const CertificateSpec& spec, EVP_PKEY* key, X509* certificate) {
  static std::atomic<long> serial{1};
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.not_before);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.not_after);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(spec.name.c_str()), -1, -1, 0);
  X509_set_pubkey(certificate, key);
  AddExtension(certificate, NID_basic_constraints,
               spec.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
  AddExtension(certificate, NID_subject_alt_name,
               "DNS:" + spec.name + ",IP:127.0.0.1");
  if (spec.for_client_only) {
    AddExtension(certificate, NID_ext_key_usage, "clientAuth");
  }
}

}  // namespace

TestCertificate::TestCertificate(const CertificateSpec& spec,
                                 const TestCertificate* issuer)
    : evp_key_(spec.rsa_bits > 0
                   ? EVP_RSA_gen(static_cast<unsigned>(spec.rsa_bits))
                   : EVP_EC_gen("P-256"),
               &EVP_PKEY_free),
      x509_(X509_new(), &X509_free) {
  ELMO_CHECK(evp_key_ != nullptr && x509_ != nullptr);
  Fill(spec, evp_key_.get(), x509_.get());
  const TestCertificate* const signer = issuer == nullptr ? this : issuer;
  X509_set_issuer_name(x509_.get(), X509_get_subject_name(signer->x509_.get()));
  ELMO_CHECK(X509_sign(x509_.get(), signer->evp_key_.get(), EVP_sha256()) > 0);
  pem_ = ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, x509_.get()); });
  key_ = ToPem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, evp_key_.get(), nullptr, nullptr, 0,
                                    nullptr, nullptr);
  });
}

std::string TestCertificate::EncryptedKey() const {
  return ToPem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, evp_key_.get(), EVP_aes_256_cbc(),
                                         "secret", 6, nullptr, nullptr);
  });
}

}  // namespace elmo::testing
