#include "server/in_flight.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {

InFlight::InFlight(int64_t max_bytes, int64_t max_bytes_per_client)
    : running_{"requests and answers in flight",
               max_bytes - max_bytes / kWaitingPart,
               max_bytes_per_client - max_bytes_per_client / kWaitingPart},
      waiting_{"requests that wait", max_bytes / kWaitingPart,
               max_bytes_per_client / kWaitingPart} {}

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

absl::Status InFlight::Account::Reserve(ClientId client, int64_t added) {
  if (added > max_bytes - bytes) {
    return absl::UnavailableError(
        absl::StrCat(what, " take ", bytes, " bytes, the request adds ", added,
                     "; limit is ", max_bytes));
  }
  const auto held = by_client.find(client);
  const int64_t of_client = held == by_client.end() ? 0 : held->second;
  if (added > max_bytes_per_client - of_client) {
    return absl::UnavailableError(
        absl::StrCat(what, " on this connection take ", of_client,
                     " bytes, the request adds ", added, "; limit is ",
                     max_bytes_per_client));
  }
  bytes += added;
  by_client[client] = of_client + added;
  return absl::OkStatus();
}

void InFlight::Account::Release(ClientId client, int64_t removed) {
  if (removed == 0) return;
  const auto held = by_client.find(client);
  ELMO_CHECK(held != by_client.end() && held->second >= removed);
  bytes -= removed;
  held->second -= removed;
  if (held->second == 0) by_client.erase(held);
}

absl::Status InFlight::Reserve(ClientId client, int64_t bytes) {
  MutexLock lock(&mu_);
  return running_.Reserve(client, bytes);
}

void InFlight::Release(ClientId client, int64_t bytes) {
  MutexLock lock(&mu_);
  running_.Release(client, bytes);
}

absl::Status InFlight::ReserveWaiting(ClientId client, int64_t bytes) {
  MutexLock lock(&mu_);
  return waiting_.Reserve(client, bytes);
}

void InFlight::ReleaseWaiting(ClientId client, int64_t bytes) {
  MutexLock lock(&mu_);
  waiting_.Release(client, bytes);
}

int64_t InFlight::bytes() const {
  MutexLock lock(&mu_);
  return running_.bytes + waiting_.bytes;
}

int64_t InFlight::bytes(ClientId client) const {
  MutexLock lock(&mu_);
  const auto found = running_.by_client.find(client);
  return found == running_.by_client.end() ? 0 : found->second;
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
