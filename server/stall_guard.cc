#include "server/stall_guard.h"

#include <chrono>

namespace elmo {

StallGuard::StallGuard(grpc::CallbackServerContext* rpc, Duration timeout)
    : state_(std::make_shared<State>()), timeout_(timeout) {
  MutexLock lock(&state_->mu);
  state_->rpc = rpc;
}

StallGuard::~StallGuard() {
  MutexLock lock(&state_->mu);
  state_->rpc = nullptr;
  state_->armed = 0;
}

void StallGuard::Arm() {
  int64_t number = 0;
  {
    MutexLock lock(&state_->mu);
    number = state_->armed = ++state_->arms;
  }
  alarm_ = std::make_unique<grpc::Alarm>();
  const auto at =
      std::chrono::system_clock::now() +
      std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout_);
  alarm_->Set(at, [state = state_, number](bool expired) {
    if (!expired) return;
    MutexLock lock(&state->mu);
    if (state->armed == number) state->rpc->TryCancel();
  });
}

void StallGuard::Disarm() {
  {
    MutexLock lock(&state_->mu);
    state_->armed = 0;
  }
  alarm_.reset();  // Cancels the timer.
}

}  // namespace elmo
