#ifndef ELMO_SERVER_WARMUP_H_
#define ELMO_SERVER_WARMUP_H_

#include "absl/status/status.h"
#include "core/engine/engine.h"
#include "server/batching/sentence_queue.h"

namespace elmo {

// Runs the model once alone and once with a full batch, so that the first
// caller does not pay for code generation and cold memory, and a model that
// cannot run is found before it is served. The engine's error, if any.
absl::Status WarmUp(const Engine& engine, const SentenceQueue::Options& batch);

}  // namespace elmo

#endif  // ELMO_SERVER_WARMUP_H_
