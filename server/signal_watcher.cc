#include "server/signal_watcher.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace elmo {
namespace {

// Wakes the thread for its end; SIGUSR1 has no other use in this program.
constexpr int kStop = SIGUSR1;

sigset_t WatchedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, kStop})
    sigaddset(&set, signal);
  return set;
}

}  // namespace

SignalWatcher::SignalWatcher() {
  const sigset_t set = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { Watch(); });
}

SignalWatcher::~SignalWatcher() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
  }
  pthread_kill(thread_.native_handle(), kStop);
  thread_.join();
}

void SignalWatcher::BeginServing() {
  MutexLock lock(&mu_);
  serving_ = true;
}

int SignalWatcher::Wait() {
  MutexLock lock(&mu_);
  while (signal_ == 0 && !reload_) arrived_.Wait(&mu_);
  if (signal_ != 0) return signal_;
  reload_ = false;
  return SIGHUP;
}

void SignalWatcher::Watch() {
  const sigset_t set = WatchedSignals();
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    if (signal != kStop) {
      Handle(signal);
      continue;
    }
    MutexLock lock(&mu_);
    if (stopping_) return;
  }
}

void SignalWatcher::Handle(int signal) {
  MutexLock lock(&mu_);
  if (signal == SIGHUP) {
    reload_ = true;
    arrived_.NotifyAll();
    return;
  }
  // Not exit(): other threads are running.
  if (!serving_ || signal_ != 0) _exit(128 + signal);
  signal_ = signal;
  arrived_.NotifyAll();
}

}  // namespace elmo
