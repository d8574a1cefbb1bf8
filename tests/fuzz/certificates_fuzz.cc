// Any bytes as certificate, key and client authorities, divided by NULs: an
// error, or a set that OpenSSL takes.

#include <openssl/err.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "server/security/certificates.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  elmo::CertificateTexts texts;
  const size_t key = text.find('\0');
  texts.chain = text.substr(0, key);
  if (key != std::string::npos) {
    const size_t authorities = text.find('\0', key + 1);
    texts.key = text.substr(key + 1, authorities - key - 1);
    if (authorities != std::string::npos) {
      texts.client_ca = text.substr(authorities + 1);
    }
  }
  // 2027: the pair in corpus/ is valid.
  const auto now = std::chrono::system_clock::from_time_t(1798761600);
  const auto set = elmo::CheckCertificates(std::move(texts), now);
  ELMO_CHECK(ERR_peek_error() == 0);
  if (set.ok()) {
    ELMO_CHECK(set->chain_length > 0 && set->expires > now);
  } else {
    ELMO_CHECK(!set.status().message().empty());
  }
  return 0;
}
