#ifndef ELMO_SERVER_SIGNAL_WATCHER_H_
#define ELMO_SERVER_SIGNAL_WATCHER_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"

namespace elmo {

// SIGINT, SIGTERM and SIGHUP as events for one thread to wait for. Before
// BeginServing() the first two end the process at once, with code 128 + signal;
// afterwards the first one is what Wait() returns, and the second ends the
// process at once: whoever sends two does not want to wait. SIGHUP, the request
// to load anew, is kept until Wait().
//
// One per process. Make it before any other thread is started: threads inherit
// the mask that keeps these signals for this object.
class SignalWatcher {
 public:
  SignalWatcher();
  // The process does not react to these signals any more.
  ~SignalWatcher();

  void BeginServing();
  // SIGINT or SIGTERM where it came since BeginServing(), else SIGHUP, once for
  // all that came since the last call.
  int Wait();

 private:
  void Watch();
  void Handle(int signal);

  Mutex mu_;
  CondVar arrived_;
  bool serving_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int signal_ ABSL_GUARDED_BY(mu_) = 0;  // SIGINT, SIGTERM; 0: neither yet.
  bool reload_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: joined before the rest dies.
};

}  // namespace elmo

#endif  // ELMO_SERVER_SIGNAL_WATCHER_H_
