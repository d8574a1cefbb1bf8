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

void InFlight::CallEnded(int64_t bytes) {
  MutexLock lock(&mu_);
  bytes_ -= bytes;
  ELMO_CHECK(calls_ > 0 && bytes_ >= 0);
  if (--calls_ == 0) idle_.NotifyAll();
}

absl::Status InFlight::Reserve(int64_t bytes) {
  MutexLock lock(&mu_);
  if (bytes > max_bytes_ - bytes_) {
    return absl::UnavailableError(absl::StrCat(
        "requests and answers in flight take ", bytes_,
        " bytes, the request adds ", bytes, "; limit is ", max_bytes_));
  }
  bytes_ += bytes;
  return absl::OkStatus();
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
