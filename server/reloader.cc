#include "server/reloader.h"

#include <utility>

namespace elmo {

Reloader::Reloader(std::function<void()> reload)
    : reload_(std::move(reload)), thread_([this] { Work(); }) {}

Reloader::~Reloader() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void Reloader::Request() {
  {
    MutexLock lock(&mu_);
    requested_ = true;
  }
  changed_.NotifyAll();
}

bool Reloader::busy() const {
  MutexLock lock(&mu_);
  return requested_ || running_;
}

void Reloader::Work() {
  for (;;) {
    {
      MutexLock lock(&mu_);
      running_ = false;
      while (!requested_ && !stopping_) changed_.Wait(&mu_);
      if (stopping_) return;
      requested_ = false;
      running_ = true;
    }
    reload_();
  }
}

}  // namespace elmo
