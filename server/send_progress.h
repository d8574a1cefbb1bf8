#ifndef ELMO_SERVER_SEND_PROGRESS_H_
#define ELMO_SERVER_SEND_PROGRESS_H_

#include <cstdint>
#include <optional>

#include "server/batching/time.h"

namespace elmo {

// Whether an answer that was given to gRPC still gets on. gRPC says only when
// it has left as a whole, so the bytes that its connection's peer has got are
// looked at: a slow line moves some all the time, a client that does not read
// none. Those of other calls count as well, as they may have to leave first.
// So that they do not keep an answer for ever (a proxy that reads for all of
// its clients but one), it has as long at most as all that its connection is
// owed takes at a low speed.
//
// No lock, no clock, no socket.
class SendProgress {
 public:
  // Fewer within the timeout are none: pings and the like.
  static constexpr int64_t kLeastBytes = 16 << 10;
  static constexpr int64_t kLeastBytesPerSecond = 256 << 10;

  // The answer goes to gRPC now; `owed_bytes`: what its connection is to get,
  // itself included, rather too many than too few.
  SendProgress(Duration timeout, int64_t owed_bytes, TimePoint now);

  // `sent`: the bytes that the peer has acknowledged since its connection
  // began; nullopt where that is not known, and only the low speed counts. Says
  // when to look again; nullopt: the answer is stalled.
  std::optional<TimePoint> Look(TimePoint now, std::optional<int64_t> sent);

 private:
  const Duration timeout_;
  const TimePoint last_end_;
  TimePoint progressed_;
  std::optional<int64_t> seen_;  // `sent` then.
};

}  // namespace elmo

#endif  // ELMO_SERVER_SEND_PROGRESS_H_
