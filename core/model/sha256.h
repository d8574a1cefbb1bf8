#ifndef ELMO_CORE_MODEL_SHA256_H_
#define ELMO_CORE_MODEL_SHA256_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace elmo {

// SHA-256 of bytes that come in pieces, by OpenSSL. Single thread only.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(const void* data, size_t size);
  void Update(std::string_view data) { Update(data.data(), data.size()); }
  // 64 lower-case hexadecimal digits. Call once, as the last thing.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of one piece.
std::string Sha256Hex(std::string_view data);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_SHA256_H_
