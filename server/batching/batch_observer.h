#ifndef ELMO_SERVER_BATCHING_BATCH_OBSERVER_H_
#define ELMO_SERVER_BATCHING_BATCH_OBSERVER_H_

#include <cstdint>

#include "server/batching/time.h"

namespace elmo {

// Why a request that is valid was turned away without being run.
enum class RefusalReason {
  kQueueFull,      // No room in the queue.
  kDeadline,       // It could not have been done in time.
  kDraining,       // The server is shutting down.
  kBytesInFlight,  // No memory for its answer, or to wait in.
};

// What BatchScheduler tells about its work, for metrics. It calls outside its
// lock, from the workers, and about a sentence before its owner hears of the
// end: who has an answer finds it counted.
//
// Implementations are thread-safe, quick (no lock that is held for long, no
// input or output) and do not throw.
class BatchObserver {
 public:
  struct Batch {
    int rows = 0;
    int64_t tokens = 0;  // As SentenceTask::steps(): with the boundaries.
    // In the engine, without urgent sentences that ran in between.
    Duration compute_time{};
    // Whose owner went away while they ran.
    int cancelled_rows = 0;
  };

  virtual ~BatchObserver() = default;

  // A worker has run a batch. The engine may have failed.
  virtual void BatchEnded(const Batch& batch) = 0;

  // A sentence waited so long before its batch began.
  virtual void SentenceStarted(Duration queue_time) = 0;
  // Sentences that left the queue without being run: their deadline had passed,
  // or else their caller had gone.
  virtual void SentencesExpired(int count) = 0;
  virtual void SentencesCancelled(int count) = 0;
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_BATCH_OBSERVER_H_
