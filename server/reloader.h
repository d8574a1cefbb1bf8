#ifndef ELMO_SERVER_RELOADER_H_
#define ELMO_SERVER_RELOADER_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"

namespace elmo {

// Loads anew on a thread of its own, one load at a time: a large model takes
// long, and whoever waits for signals must see SIGTERM meanwhile.
//
// Thread-safe.
class Reloader {
 public:
  // `reload` must not throw.
  explicit Reloader(std::function<void()> reload);
  // Waits for the load that runs; one that is only requested is not begun.
  ~Reloader();

  // One load begins after this, for all requests that came until it does.
  // Returns at once.
  void Request();
  // A load runs, or is requested.
  bool busy() const;

 private:
  void Work();

  const std::function<void()> reload_;

  mutable Mutex mu_;
  CondVar changed_;
  bool requested_ ABSL_GUARDED_BY(mu_) = false;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: joined before the rest dies.
};

}  // namespace elmo

#endif  // ELMO_SERVER_RELOADER_H_
