#include "server/in_flight.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {

void InFlight::CallStarted() {
  MutexLock lock(&mu_);
  ++calls_;
  last_started_ = std::chrono::steady_clock::now();
}

void InFlight::CallEnded() {
  MutexLock lock(&mu_);
  ELMO_CHECK(calls_ > 0);
  if (--calls_ == 0) idle_.NotifyAll();
}

absl::Status InFlight::Reserve(ClientId client, int64_t bytes) {
  MutexLock lock(&mu_);
  if (bytes > max_bytes_ - bytes_) {
    return absl::UnavailableError(absl::StrCat(
        "requests and answers in flight take ", bytes_,
        " bytes, the request adds ", bytes, "; limit is ", max_bytes_));
  }
  const auto held = bytes_by_client_.find(client);
  const int64_t of_client = held == bytes_by_client_.end() ? 0 : held->second;
  if (bytes > max_bytes_per_client_ - of_client) {
    return absl::UnavailableError(
        absl::StrCat("requests and answers in flight on this connection take ",
                     of_client, " bytes, the request adds ", bytes,
                     "; limit is ", max_bytes_per_client_));
  }
  bytes_ += bytes;
  bytes_by_client_[client] = of_client + bytes;
  return absl::OkStatus();
}

void InFlight::Release(ClientId client, int64_t bytes) {
  if (bytes == 0) return;
  MutexLock lock(&mu_);
  const auto held = bytes_by_client_.find(client);
  ELMO_CHECK(held != bytes_by_client_.end() && held->second >= bytes);
  bytes_ -= bytes;
  held->second -= bytes;
  if (held->second == 0) bytes_by_client_.erase(held);
}

int64_t InFlight::bytes() const {
  MutexLock lock(&mu_);
  return bytes_;
}

bool InFlight::WaitUntilIdle(TimePoint deadline) const {
  MutexLock lock(&mu_);
  while (calls_ > 0) {
    if (!idle_.WaitUntil(&mu_, deadline)) return calls_ == 0;
  }
  return true;
}

void InFlight::WaitUntilQuiet(Duration quiet, TimePoint deadline) const {
  MutexLock lock(&mu_);
  for (;;) {
    const TimePoint now = std::chrono::steady_clock::now();
    const TimePoint quiet_at = last_started_ + quiet;
    if (now >= deadline || (calls_ == 0 && now >= quiet_at)) return;
    // A call that comes only moves quiet_at; one that ends wakes us.
    idle_.WaitUntil(&mu_,
                    calls_ == 0 ? std::min(quiet_at, deadline) : deadline);
  }
}

}  // namespace elmo
