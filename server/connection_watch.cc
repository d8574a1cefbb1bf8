#include "server/connection_watch.h"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "server/logs/log_event.h"

namespace elmo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Once, until we ask again: a busy connection costs no more than the looks.
constexpr uint32_t kActivity = EPOLLIN | EPOLLONESHOT;

// How often connections that send are looked at: a flood of calls makes some
// hundred in so long, each of 40 KB until it is let go of.
constexpr milliseconds kLookOften(4);
constexpr milliseconds kLookRarely(20);
// Afterwards; the system grants 64 KB to a connection that began with little.
constexpr int kWindow = 256 << 10;
// More than one says without a call.
constexpr int64_t kMuch = 32 << 10;
constexpr seconds kTidyEvery(10);
// A flood must not fill the log.
constexpr seconds kTellEvery(1);

}  // namespace

void ConnectionWatch::Add(int64_t id, const TcpConnection& connection,
                          TimePoint now) {
  if (now - tidied_ >= kTidyEvery) Tidy(now);
  ConnectionAccount::Limits limits;
  limits.message_bytes = options_.max_message_bytes;
  limits.open_calls = options_.max_calls;
  watched_.insert_or_assign(
      id, Watched{connection, ConnectionAccount(limits, now)});
  // Without a guard rather than not at all.
  AskEpoll(EPOLL_CTL_ADD, connection, id);
}

TimePoint ConnectionWatch::Look(TimePoint now) {
  TimePoint next = TimePoint::max();
  size_t kept = 0;
  for (const int64_t id : active_) {
    const auto found = watched_.find(id);
    if (found == watched_.end()) continue;
    Watched& watched = found->second;
    if (now < watched.look_at || LookAt(&watched, now)) {
      active_[kept++] = id;
      next = std::min(next, watched.look_at);
    } else if (watched.connection.IsOpen()) {
      // A descriptor that is closed right now is no longer in the set.
      AskEpoll(EPOLL_CTL_MOD, watched.connection, id);
    } else {
      Ended(watched, now);
      watched_.erase(found);
    }
  }
  active_.resize(kept);
  return next;
}

bool ConnectionWatch::AskEpoll(int operation, const TcpConnection& connection,
                               int64_t id) const {
  epoll_event event{};
  event.events = kActivity;
  event.data.u64 = static_cast<uint64_t>(id);
  return epoll_ctl(events_, operation, connection.descriptor, &event) == 0;
}

bool ConnectionWatch::LookAt(Watched* watched, TimePoint now) {
  const TcpConnection& connection = watched->connection;
  ConnectionUse& use = watched->use;
  if (!connection.IsOpen()) return false;
  const std::optional<TcpConnection::Received> received =
      connection.ReadReceived();
  if (!received.has_value() ||
      (received->read == use.bytes && !watched->held)) {
    // While gRPC has not read all, nor seen the end, epoll would call at once.
    watched->look_at = now + kLookRarely;
    return !received.has_value() || received->unread > 0;
  }
  use.bytes = received->read;
  use.unread = received->unread;
  use.sent = received->sent;
  watched->look_at = now + kLookOften;
  const bool was_served = use.calls_answered > 0;
  // Not known yet: later.
  if (!figures_.Read(connection.peer, &use)) return true;
  use.calls_heard = calls_->Count(connection.peer);
  if (!was_served && use.calls_answered > 0) connection.SetWindow(kWindow);
  const Abuse abuse = watched->account.Update(
      use, now, penalties_->IsStruck(connection.machine, now));
  if (abuse != Abuse::kNone) {
    Close(*watched, abuse, now);
    return true;
  }
  const bool crowded = watched->account.crowded();
  if (crowded != watched->held) connection.Hold(watched->held = crowded);
  if (!crowded && watched->account.trusted()) {
    watched->look_at = now + kLookRarely;
  }
  return true;
}

void ConnectionWatch::Ended(const Watched& watched, TimePoint now) {
  figures_.Forget(watched.connection.peer);
  // gRPC itself has closed it for its pings, say, and it comes back at once.
  if (watched.use.bytes > kMuch && watched.use.calls_started == 0) {
    penalties_->Strike(watched.connection.machine, now);
  }
}

void ConnectionWatch::Close(const Watched& watched, Abuse abuse,
                            TimePoint now) {
  watched.connection.Disconnect();
  penalties_->Strike(watched.connection.machine, now);
  const bool resets = abuse == Abuse::kResets;
  ++(resets ? closed_for_resets_ : closed_for_frames_);
  ++untold_;
  if (now - told_ < kTellEvery) return;
  told_ = now;
  LogEvent(LogLevel::kWarn, "connection closed for abuse",
           {{"peer", watched.connection.peer},
            {"reason", std::string(resets ? "resets" : "frames")},
            {"closed", std::exchange(untold_, 0)}});
}

void ConnectionWatch::Tidy(TimePoint now) {
  tidied_ = now;
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (it->second.connection.IsOpen()) {
      ++it;
    } else {
      Ended(it->second, now);
      it = watched_.erase(it);
    }
  }
}

}  // namespace elmo
