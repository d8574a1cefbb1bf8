#include "server/security/auth_tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "server/security/small_file.h"

namespace elmo {
namespace {

// As RFC 6750 has it, so that a header can carry it.
bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("-._~+/=").find(c) != absl::string_view::npos;
}

absl::Status CheckToken(absl::string_view token, int line) {
  if (token.size() < TokenSet::kMinCharacters ||
      token.size() > TokenSet::kMaxCharacters) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", line, " has a token of ", token.size(),
                     " characters; it must have ", TokenSet::kMinCharacters,
                     " to ", TokenSet::kMaxCharacters));
  }
  if (std::all_of(token.begin(), token.end(), IsTokenCharacter)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line,
                   " has a token with other characters than letters, digits "
                   "and -._~+/="));
}

}  // namespace

TokenSet::Digest TokenSet::DigestOf(absl::string_view token) {
  Digest digest;
  unsigned int size = 0;
  ELMO_CHECK(EVP_Digest(token.data(), token.size(), digest.data(), &size,
                        EVP_sha256(), nullptr) == 1);
  return digest;
}

absl::StatusOr<TokenSet> TokenSet::Parse(absl::string_view text) {
  TokenSet set;
  int line = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++line;
    const absl::string_view token = absl::StripAsciiWhitespace(raw);
    if (token.empty() || token[0] == '#') continue;
    ELMO_RETURN_IF_ERROR(CheckToken(token, line));
    if (set.digests_.size() == kMaxTokens) {
      return absl::InvalidArgumentError(
          absl::StrCat("holds more than ", kMaxTokens, " tokens"));
    }
    set.digests_.push_back(DigestOf(token));
  }
  if (set.digests_.empty()) {
    return absl::InvalidArgumentError("holds no token");
  }
  return set;
}

bool TokenSet::Contains(absl::string_view token) const {
  const Digest digest = DigestOf(token);
  int found = 0;
  for (const Digest& known : digests_) {
    found |= static_cast<int>(
        CRYPTO_memcmp(digest.data(), known.data(), digest.size()) == 0);
  }
  return found != 0;
}

absl::StatusOr<std::unique_ptr<TokenStore>> TokenStore::Create(
    const std::string& path) {
  std::unique_ptr<TokenStore> store(new TokenStore(path));
  ELMO_RETURN_IF_ERROR(store->Reload().status());
  return store;
}

absl::StatusOr<bool> TokenStore::Reload() {
  ELMO_ASSIGN_OR_RETURN(const std::vector<std::string> contents,
                        ReadTogether({path_}));
  absl::StatusOr<TokenSet> set = TokenSet::Parse(contents[0]);
  if (!set.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokens (", path_, "): ", set.status().message()));
  }
  MutexLock lock(&mu_);
  if (current_ != nullptr && *current_ == *set) return false;
  current_ = std::make_shared<const TokenSet>(*std::move(set));
  return true;
}

std::shared_ptr<const TokenSet> TokenStore::current() const {
  MutexLock lock(&mu_);
  return current_;
}

}  // namespace elmo
