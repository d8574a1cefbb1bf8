#ifndef ELMO_SERVER_CONNECTION_GUARD_H_
#define ELMO_SERVER_CONNECTION_GUARD_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "server/batching/time.h"

namespace elmo {

// What a connection has done since it began.
struct ConnectionUse {
  int64_t bytes = 0;  // Taken in by us, not what waits in the kernel.
  int64_t calls_started = 0;
  int64_t calls_answered = 0;  // Whatever the status.
  int64_t calls_reset = 0;     // Given up by the caller before the answer.
  int64_t messages = 0;        // Requests that came whole.
  int64_t calls_heard = 0;     // Of the open ones: we have been told of them.
  int64_t unread = 0;          // Bytes that wait in the kernel.
  int64_t sent = 0;            // Bytes that its system has got from us.
};

enum class Abuse {
  kNone,
  kResets,  // Calls begun and given up at once, without end.
  kFrames,  // Bytes that are no request: control frames, endless headers.
};

// Whether what one connection does still passes for use. Accounts fill with
// what is of no use and empty with time and with what is: calls that were
// reset, and bytes that made no request. Headers that do not end have one of
// their own, as to unpack them anew with every piece gets ever dearer.
//
// No lock, no clock, no socket.
class ConnectionAccount {
 public:
  struct Limits {
    int64_t message_bytes = 4 << 20;  // What one request may have.
    // What a caller may have open. Some times as many can only be reset ones
    // that are not let go of yet; answered ones are, soon.
    int64_t open_calls = 1000;
  };
  ConnectionAccount(const Limits& limits, TimePoint now)
      : limits_(limits), last_(now) {}

  // `use` as of `now`; `struck`: the machine was shut out lately, and gets less
  // credit until it has been answered once. kFrames only where it was there
  // twice in a row: bytes are seen a little before the calls that they hold.
  Abuse Update(const ConnectionUse& use, TimePoint now, bool struck);

  // It has earned some credit, and need not be looked at so often.
  bool trusted() const;
  // It begins calls faster than they are worked off, each of which takes memory
  // until then: nothing more should be read for now.
  bool crowded() const { return crowded_; }

 private:
  Abuse Judge(int64_t open_calls, TimePoint now, bool struck) const;
  void JudgeCrowd(int64_t open_calls, TimePoint now);

  Limits limits_;
  TimePoint last_;
  TimePoint forgiven_{};
  ConnectionUse seen_;
  double resets_ = 0;  // Below zero: credit.
  double bytes_ = 0;
  int64_t header_bytes_ = 0;  // Of a call that is not heard, and nothing else.
  TimePoint progress_{};      // When anything else happened, or all was read.
  Abuse suspected_ = Abuse::kNone;
  bool crowded_ = false;
  TimePoint crowded_since_{};  // Without news.
  int64_t crowd_ = 0;          // So many were open in vain; 0: none.
};

// Who has to wait before a connection is served: machines whose connections
// were closed for abuse lately. They are let in one after the other, so that
// the next flood is small, and others of the same address still get through.
//
// No lock, no clock, no socket.
class Penalties {
 public:
  // Connections of one address that may wait; more are closed at once.
  static constexpr size_t kMaxWaiting = 64;

  enum class Entry { kNow, kLater, kNever };
  // A new connection, known by the caller as `id`, of `address`.
  Entry Arrive(const std::string& address, int64_t id, TimePoint now);
  // A connection of `address` was closed for abuse.
  void Strike(const std::string& address, TimePoint now);
  bool IsStruck(const std::string& address, TimePoint now) const;
  // One that has waited and may be served now; nullopt: none. One that has gone
  // meanwhile takes no turn: say so with GiveTurnBack().
  std::optional<int64_t> Next(TimePoint now);
  void GiveTurnBack(const std::string& address, TimePoint now);

  int64_t waiting() const { return waiting_; }

 private:
  struct Address {
    TimePoint last_strike{};
    TimePoint next_turn{};
    Duration pause{};
    std::deque<int64_t> waiting;
  };
  std::unordered_map<std::string, Address> addresses_;
  int64_t waiting_ = 0;
};

}  // namespace elmo

#endif  // ELMO_SERVER_CONNECTION_GUARD_H_
