#ifndef ELMO_SERVER_CONNECTION_WATCH_H_
#define ELMO_SERVER_CONNECTION_WATCH_H_

#include <atomic>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "server/connection_figures.h"
#include "server/connection_guard.h"
#include "server/open_calls.h"
#include "server/tcp_connection.h"

namespace elmo {

// Looks at connections that are gRPC's, often while they send and never while
// they are silent, and closes those that are abused (connection_guard.h): gRPC
// 1.51 would read on, until all of its threads do nothing else.
//
// For one thread, but for the counters.
class ConnectionWatch {
 public:
  struct Options {
    int64_t max_message_bytes = 4 << 20;
    int64_t max_calls = 1000;  // At a time on one connection.
  };

  // What a connection should have under way at most until a call was answered.
  // What has come gRPC works off, also when the connection is closed meanwhile:
  // the system's own windows, of some MB, hold ten thousand calls.
  static constexpr int kFirstWindow = 16 << 10;

  // `events` is the descriptor of an epoll set, which gets the connections
  // under their ids; `calls` knows those of the server; `penalties` hears of
  // connections that were closed. None is owned.
  ConnectionWatch(const Options& options, int events, const OpenCalls* calls,
                  Penalties* penalties)
      : options_(options),
        events_(events),
        calls_(calls),
        penalties_(penalties) {}

  // Before the connection is handed to gRPC.
  void Add(int64_t id, const TcpConnection& connection, TimePoint now);
  // epoll says that it has sent something, or ended.
  void Wake(int64_t id) { active_.push_back(id); }
  // At all that were woken and are not silent since; says when to look next,
  // TimePoint::max() for not before one wakes.
  TimePoint Look(TimePoint now);

  int64_t closed_for_resets() const { return closed_for_resets_; }
  int64_t closed_for_frames() const { return closed_for_frames_; }

 private:
  struct Watched {
    TcpConnection connection;
    ConnectionAccount account;
    ConnectionUse use{};  // When it was looked at last.
    TimePoint look_at{};
    bool held = false;
  };

  bool AskEpoll(int operation, const TcpConnection& connection,
                int64_t id) const;
  // False: it is silent or gone.
  bool LookAt(Watched* watched, TimePoint now);
  // It has ended, by gRPC or its peer.
  void Ended(const Watched& watched, TimePoint now);
  void Close(const Watched& watched, Abuse abuse, TimePoint now);
  // Those that ended in silence.
  void Tidy(TimePoint now);

  const Options options_;
  const int events_;
  const OpenCalls* const calls_;
  Penalties* const penalties_;
  std::unordered_map<int64_t, Watched> watched_;
  std::vector<int64_t> active_;
  ConnectionFigures figures_;
  TimePoint tidied_{};
  TimePoint told_{};
  int64_t untold_ = 0;
  std::atomic<int64_t> closed_for_resets_{0};
  std::atomic<int64_t> closed_for_frames_{0};
};

}  // namespace elmo

#endif  // ELMO_SERVER_CONNECTION_WATCH_H_
