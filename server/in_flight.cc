#include "server/in_flight.h"

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {

void InFlight::CallStarted() {
  MutexLock lock(&mu_);
  ++calls_;
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

}  // namespace elmo
