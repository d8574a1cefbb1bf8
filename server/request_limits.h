#ifndef ELMO_SERVER_REQUEST_LIMITS_H_
#define ELMO_SERVER_REQUEST_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace elmo {

// The largest request that is accepted; GetModel tells them to callers. They
// bound the memory and the time that one request can cost.
struct RequestLimits {
  int64_t max_sentences_per_request = 64;
  // Words, the boundaries not counted.
  int64_t max_tokens_per_sentence = 512;
  int64_t max_tokens_per_request = 4096;
  // Of one sentence: its text, or its tokens together. Checked before the text
  // is split, whose time it bounds.
  int64_t max_bytes_per_sentence = 32 << 10;
  // Of the serialised request; gRPC itself enforces it (RESOURCE_EXHAUSTED).
  int64_t max_request_bytes = 4 << 20;
  // Of the vectors in one answer, as they are encoded. By default enough for
  // the three layers of the published models (1024 numbers each) for
  // `max_tokens_per_request` tokens as FLOAT32: 48 MiB, and the boundaries.
  int64_t max_response_bytes = 64 << 20;

  // INVALID_ARGUMENT naming the option, the value and the limit.
  absl::Status Validate() const;
};

}  // namespace elmo

#endif  // ELMO_SERVER_REQUEST_LIMITS_H_
