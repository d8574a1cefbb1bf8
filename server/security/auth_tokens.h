#ifndef ELMO_SERVER_SECURITY_AUTH_TOKENS_H_
#define ELMO_SERVER_SECURITY_AUTH_TOKENS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"

namespace elmo {

// Secrets that let a caller in. Only their SHA-256 digests are kept.
// Constant after Parse().
class TokenSet {
 public:
  // Of a token: less could be guessed. `openssl rand -hex 32` makes 64.
  static constexpr size_t kMinCharacters = 32;
  static constexpr size_t kMaxCharacters = 4096;
  static constexpr size_t kMaxTokens = 1000;

  // One token a line; empty lines and those that begin with # are skipped,
  // blanks around a token are, too. INVALID_ARGUMENT naming the line, never
  // what stands in it.
  static absl::StatusOr<TokenSet> Parse(absl::string_view text);

  // Takes as long for a wrong token as for any of the right ones, wherever the
  // first difference is.
  bool Contains(absl::string_view token) const;

  int size() const { return static_cast<int>(digests_.size()); }
  bool operator==(const TokenSet& other) const {
    return digests_ == other.digests_;
  }

 private:
  using Digest = std::array<uint8_t, 32>;
  static Digest DigestOf(absl::string_view token);

  std::vector<Digest> digests_;
};

// The tokens in use, and the file that they come from. A file that cannot be
// used changes nothing.
//
// Thread-safe.
class TokenStore {
 public:
  static absl::StatusOr<std::unique_ptr<TokenStore>> Create(
      const std::string& path);

  // True: the tokens changed. An error names the file; those in use are kept.
  absl::StatusOr<bool> Reload();

  std::shared_ptr<const TokenSet> current() const;

 private:
  explicit TokenStore(const std::string& path) : path_(path) {}

  const std::string path_;
  mutable Mutex mu_;
  std::shared_ptr<const TokenSet> current_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_SECURITY_AUTH_TOKENS_H_
