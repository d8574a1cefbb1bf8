#include "server/stall_guard.h"

#include <chrono>
#include <utility>

namespace elmo {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

}  // namespace

StallGuard::StallGuard(const Options& options, grpc::CallbackServerContext* rpc,
                       std::function<void()> on_stall)
    : state_(std::make_shared<State>()) {
  state_->options = options;
  state_->rpc = rpc;
  state_->on_stall = std::move(on_stall);
}

StallGuard::~StallGuard() { Disarm(); }

void StallGuard::Arm(int64_t owed_bytes) {
  const TimePoint now = steady_clock::now();
  MutexLock lock(&state_->mu);
  state_->armed = ++state_->arms;
  state_->progress.emplace(state_->options.timeout, owed_bytes, now);
  // Nearly all answers leave at once: nothing is looked up for them.
  const auto next = state_->progress->Look(now, std::nullopt);
  LookIn(state_, *next - now);
}

void StallGuard::Disarm() {
  std::unique_ptr<grpc::Alarm> alarm;  // Cancels the timer, outside the lock.
  MutexLock lock(&state_->mu);
  state_->armed = 0;
  alarm = std::move(state_->alarm);
}

void StallGuard::LookIn(const std::shared_ptr<State>& state, Duration wait) {
  state->alarm = std::make_unique<grpc::Alarm>();
  state->alarm->Set(
      system_clock::now() + std::chrono::ceil<system_clock::duration>(wait),
      [state, number = state->armed](bool expired) {
        if (expired) Look(state, number);
      });
}

void StallGuard::Look(const std::shared_ptr<State>& state, int64_t number) {
  MutexLock lock(&state->mu);
  if (state->armed != number) return;
  const std::optional<int64_t> sent = state->BytesSent();
  const TimePoint now = steady_clock::now();
  const std::optional<TimePoint> next = state->progress->Look(now, sent);
  if (next.has_value()) {
    LookIn(state, *next - now);
    return;
  }
  state->armed = 0;
  state->on_stall();
  state->rpc->TryCancel();
}

std::optional<int64_t> StallGuard::State::BytesSent() {
  if (!looked_up && options.find_connection != nullptr) {
    looked_up = true;
    connection = options.find_connection(rpc->peer());
  }
  if (!connection.has_value() || !connection->IsOpen()) return std::nullopt;
  const auto received = connection->ReadReceived();
  if (!received.has_value()) return std::nullopt;
  return received->sent;
}

}  // namespace elmo
