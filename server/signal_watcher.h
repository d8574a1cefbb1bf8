#ifndef ELMO_SERVER_SIGNAL_WATCHER_H_
#define ELMO_SERVER_SIGNAL_WATCHER_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"

namespace elmo {

// SIGINT and SIGTERM as an event for one thread to wait for. Before
// BeginServing() a signal ends the process at once, with code 128 + signal;
// afterwards the first one is what Wait() returns, and the second ends the
// process at once: whoever sends two does not want to wait.
//
// One per process. Make it before any other thread is started: threads inherit
// the mask that keeps these signals for this object.
class SignalWatcher {
 public:
  SignalWatcher();
  // The process does not react to the two signals any more.
  ~SignalWatcher();

  void BeginServing();
  // The first signal since BeginServing().
  int Wait();

 private:
  void Watch();
  void Handle(int signal);

  Mutex mu_;
  CondVar arrived_;
  bool serving_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int signal_ ABSL_GUARDED_BY(mu_) = 0;

  std::thread thread_;  // Last: joined before the rest dies.
};

}  // namespace elmo

#endif  // ELMO_SERVER_SIGNAL_WATCHER_H_
