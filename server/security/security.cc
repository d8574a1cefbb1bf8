#include "server/security/security.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "server/security/small_file.h"
#include "spdlog/spdlog.h"

namespace elmo {
namespace {

// Reading three small files is nothing, and nobody changes certificates in a
// greater hurry; who does sends SIGHUP.
constexpr std::chrono::seconds kInterval(10);

WallTime Now() { return std::chrono::system_clock::now(); }

std::string DateOf(WallTime time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromChrono(time),
                          absl::UTCTimeZone());
}

// Logs a complaint that is not `*last`, or its end.
void Complain(const absl::Status& status, absl::string_view kept,
              std::string* last) {
  const std::string complaint(status.message());
  if (complaint == *last) return;
  *last = complaint;
  if (!status.ok()) {
    spdlog::error("reload failed, {} in use stay: {}", std::string(kept),
                  complaint);
  }
}

// Often enough to be seen, seldom enough to be read.
constexpr std::chrono::hours kExpiryWarnings(24);

void WarnOfReaders(const std::string& path) {
  if (path.empty() || !IsReadableByAll(path)) return;
  spdlog::warn("{} can be read by every user of this machine", path);
}

}  // namespace

std::string ExpiryWarning(WallTime expires, WallTime now) {
  constexpr std::chrono::hours kSoon(7 * 24);
  if (expires > now + kSoon) return "";
  if (expires > now) {
    return absl::StrCat("the certificate expires soon, at ", DateOf(expires));
  }
  return absl::StrCat("the certificate expired at ", DateOf(expires),
                      "; clients refuse new connections");
}

absl::StatusOr<std::unique_ptr<Security>> Security::Create(
    const SecurityOptions& options) {
  std::unique_ptr<Security> security(new Security);
  if (options.tls()) {
    ELMO_ASSIGN_OR_RETURN(
        security->certificates_,
        CertificateStore::Create(
            {options.tls_cert, options.tls_key, options.tls_client_ca}, Now()));
  }
  if (options.tokens()) {
    ELMO_ASSIGN_OR_RETURN(security->tokens_,
                          TokenStore::Create(options.auth_tokens_file));
  }
  security->gate_ =
      std::make_shared<CallGate>(security->tokens_, options.max_metadata_bytes);
  {
    MutexLock lock(&security->mu_);
    security->WarnOfExpiry();
  }
  WarnOfReaders(options.tls_key);
  WarnOfReaders(options.auth_tokens_file);
  if (options.tls() || options.tokens()) {
    security->watcher_ =
        std::thread([self = security.get()] { self->Watch(); });
  }
  return security;
}

Security::~Security() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    stop_.NotifyAll();
  }
  if (watcher_.joinable()) watcher_.join();
}

void Security::Watch() {
  for (;;) {
    {
      MutexLock lock(&mu_);
      const auto next = std::chrono::steady_clock::now() + kInterval;
      while (!stopping_ && std::chrono::steady_clock::now() < next) {
        stop_.WaitUntil(&mu_, next);
      }
      if (stopping_) return;
    }
    (void)Reload();  // Logged and counted.
  }
}

absl::Status Security::Reload() {
  MutexLock lock(&mu_);
  absl::Status status = ReloadCertificates();
  const absl::Status tokens = ReloadTokens();
  status.Update(tokens);
  return status;
}

absl::Status Security::ReloadCertificates() {
  if (certificates_ == nullptr) return absl::OkStatus();
  const absl::StatusOr<bool> changed = certificates_->Reload(Now());
  Complain(changed.status(), "the certificates", &certificate_complaint_);
  if (!changed.ok()) {
    ++stats_.certificate_failures;
  } else if (*changed) {
    ++stats_.certificate_changes;
    spdlog::info("new certificates in use, valid until {}",
                 DateOf(certificates_->current()->expires));
  }
  WarnOfExpiry();
  return changed.status();
}

void Security::WarnOfExpiry() {
  if (certificates_ == nullptr) return;
  const WallTime now = Now();
  const std::string warning =
      ExpiryWarning(certificates_->current()->expires, now);
  // A new certificate may need a warning of its own at once.
  if (warning.empty()) warned_of_expiry_ = {};
  if (warning.empty() || now - warned_of_expiry_ < kExpiryWarnings) return;
  warned_of_expiry_ = now;
  spdlog::warn("{}", warning);
}

absl::Status Security::ReloadTokens() {
  if (tokens_ == nullptr) return absl::OkStatus();
  const absl::StatusOr<bool> changed = tokens_->Reload();
  Complain(changed.status(), "the tokens", &token_complaint_);
  if (!changed.ok()) {
    ++stats_.token_failures;
  } else if (*changed) {
    ++stats_.token_changes;
    spdlog::info("new tokens in use: {}", tokens_->current()->size());
  }
  return changed.status();
}

Security::Stats Security::stats() const {
  Stats stats;
  {
    MutexLock lock(&mu_);
    stats = stats_;
  }
  stats.unauthenticated_calls = gate_->unauthenticated();
  stats.oversized_metadata_calls = gate_->oversized();
  if (certificates_ != nullptr) {
    stats.certificate_expires = certificates_->current()->expires;
  }
  return stats;
}

std::string Security::Describe() const {
  std::string text = "no TLS";
  if (certificates_ != nullptr) {
    const auto set = certificates_->current();
    text = absl::StrCat("TLS with a chain of ", set->chain_length,
                        ", valid until ", DateOf(set->expires));
    if (set->client_authorities > 0) {
      absl::StrAppend(&text, "; client certificates of ",
                      set->client_authorities, " authorities required");
    }
  }
  if (tokens_ != nullptr) {
    absl::StrAppend(&text, "; a token required, one of ",
                    tokens_->current()->size());
  }
  return text;
}

}  // namespace elmo
