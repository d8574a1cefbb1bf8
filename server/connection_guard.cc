#include "server/connection_guard.h"

#include <algorithm>
#include <utility>

namespace elmo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Calls given up: so many at once, and so many a second. A caller who loses
// patience with all of its calls is nothing bad; each answered call lets it
// give up four more, up to the credit.
constexpr double kResets = 200;
constexpr double kResetsStrict = 30;
constexpr double kResetsPerSecond = 200;
constexpr double kResetsPerAnswer = 4;
constexpr double kResetCredit = 1000;
constexpr double kTrust = 100;

// A caller may begin the next call as soon as it has the answer, but gRPC
// counts one as over only when its threads have let go of it: a connection that
// is always full has up to twice what it may have (measured, on a busy
// machine), and where that is few, as many as the threads are behind. A flood
// may as well: it is held long before (kCrowd), and its resets count.
constexpr int64_t kOpenSlack = 4;
constexpr int64_t kLeastOpen = 1000;

// Bytes that made no request: while no call is open, all of them are control
// frames. While calls are open they may be parts of requests.
constexpr double kIdleBytes = 64 << 10;
constexpr double kIdleBytesStrict = 32 << 10;
constexpr double kOpenBytes = 16 << 20;
constexpr double kBytesPerSecond = 16 << 10;
constexpr double kOpenBytesPerSecond = 4 << 20;
// What was sent of a request that its caller gave up is forgiven so often.
constexpr Duration kForgiveEvery = seconds(1);

// While headers are under way nothing else can be: of a number that does not
// end gRPC 1.51 reads all anew with every piece (CVE-2023-33953). It tells us
// of a call when its request is complete, so that such headers look like an
// upload. But an upload is read as fast as it comes, and is not larger than a
// request.
constexpr int64_t kHeaderBytes = 128 << 10;
constexpr int64_t kHeaderBytesStrict = 64 << 10;
// For which more was there than could be read.
constexpr Duration kHeaderTime = milliseconds(300);
constexpr Duration kHeaderTimeStrict = milliseconds(12);
// Beyond the largest request: its headers and frames.
constexpr int64_t kHeaderSlack = 256 << 10;

// Calls of a connection that are open while none was answered yet, and later
// those that were not heard of; half of them once it is crowded. gRPC tells of
// resets late, and 1000 calls take 40 MB until they are let go of.
constexpr int64_t kCrowd = 100;
constexpr int64_t kTrustedCrowd = 500;
// Without any news of them they may wait for what is held back: the rest of
// their requests.
constexpr Duration kCrowdTime = milliseconds(400);

// An address is watched for so long after its last strike.
constexpr Duration kMemory = seconds(10);
// Between two connections of a struck address; longer with every strike.
constexpr Duration kMinPause = milliseconds(100);
constexpr Duration kMaxPause = milliseconds(1000);
// Addresses that are remembered; a crowd of them is a matter for a firewall.
constexpr size_t kMaxAddresses = 10000;

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Abuse ConnectionAccount::Update(const ConnectionUse& use, TimePoint now,
                                bool struck) {
  const double passed = Seconds(now - last_);
  last_ = now;
  const auto answered =
      static_cast<double>(use.calls_answered - seen_.calls_answered);
  const auto reset = static_cast<double>(use.calls_reset - seen_.calls_reset);
  const auto messages = static_cast<double>(use.messages - seen_.messages);
  const auto bytes = static_cast<double>(use.bytes - seen_.bytes);
  const int64_t open = use.calls_started - use.calls_answered - use.calls_reset;
  const bool calls_go_on = use.calls_started != seen_.calls_started ||
                           use.calls_heard != seen_.calls_heard ||
                           answered > 0 || reset > 0 || messages > 0;
  if (calls_go_on) crowded_since_ = now;
  if (open > use.calls_heard && !calls_go_on && use.sent == seen_.sent) {
    header_bytes_ += use.bytes - seen_.bytes;
  } else {
    header_bytes_ = 0;
    progress_ = now;
  }
  if (use.unread == 0) progress_ = now;
  seen_ = use;

  resets_ += reset;
  // Time only pays off debts: credit is earned.
  if (resets_ > 0) resets_ = std::max(0.0, resets_ - passed * kResetsPerSecond);
  resets_ = std::max(-kResetCredit, resets_ - answered * kResetsPerAnswer);

  // A call may be answered before its request has come.
  const double of_use = std::max(messages, answered);
  bytes_ += bytes - of_use * static_cast<double>(limits_.message_bytes) -
            passed * (open > 0 ? kOpenBytesPerSecond : kBytesPerSecond);
  bytes_ = std::max(0.0, bytes_);
  if (reset > 0 && now - forgiven_ >= kForgiveEvery) {
    forgiven_ = now;
    bytes_ = 0;
  }

  JudgeCrowd(open - (use.calls_answered > 0 ? use.calls_heard : 0), now);
  const Abuse abuse = Judge(open, now, struck);
  if (abuse == Abuse::kResets) return abuse;
  return std::exchange(suspected_, abuse) == abuse ? abuse : Abuse::kNone;
}

bool ConnectionAccount::trusted() const { return resets_ <= -kTrust; }

void ConnectionAccount::JudgeCrowd(int64_t open_calls, TimePoint now) {
  const int64_t limit = trusted() ? kTrustedCrowd : kCrowd;
  if (open_calls <= limit / 2) {
    crowded_ = false;
    crowd_ = 0;
  } else if (crowded_ && now - crowded_since_ >= kCrowdTime) {
    crowded_ = false;
    crowd_ = open_calls;
  } else if (!crowded_ && open_calls > crowd_ + limit) {
    crowded_ = true;
    crowded_since_ = now;
  }
}

Abuse ConnectionAccount::Judge(int64_t open_calls, TimePoint now,
                               bool struck) const {
  const bool strict = struck && seen_.calls_answered == 0;
  if (open_calls > std::max(kOpenSlack * limits_.open_calls, kLeastOpen) ||
      resets_ > (strict ? kResetsStrict : kResets)) {
    return Abuse::kResets;
  }
  if (header_bytes_ > limits_.message_bytes + kHeaderSlack ||
      (header_bytes_ > (strict ? kHeaderBytesStrict : kHeaderBytes) &&
       now - progress_ >= (strict ? kHeaderTimeStrict : kHeaderTime))) {
    return Abuse::kFrames;
  }
  const double idle_limit = strict ? kIdleBytesStrict : kIdleBytes;
  const double open_limit =
      std::max(kOpenBytes, 4 * static_cast<double>(limits_.message_bytes));
  return bytes_ > (open_calls > 0 ? open_limit : idle_limit) ? Abuse::kFrames
                                                             : Abuse::kNone;
}

void Penalties::Strike(const std::string& address, TimePoint now) {
  if (addresses_.size() >= kMaxAddresses && addresses_.count(address) == 0) {
    return;
  }
  Address& entry = addresses_[address];
  if (now - entry.last_strike > kMemory) entry.pause = Duration::zero();
  entry.pause = std::min(entry.pause + kMinPause, kMaxPause);
  entry.last_strike = now;
  // Who waits is not put off again and again.
  if (!entry.waiting.empty()) return;
  entry.next_turn = std::max(entry.next_turn, now + entry.pause);
}

bool Penalties::IsStruck(const std::string& address, TimePoint now) const {
  const auto found = addresses_.find(address);
  return found != addresses_.end() &&
         now - found->second.last_strike <= kMemory;
}

Penalties::Entry Penalties::Arrive(const std::string& address, int64_t id,
                                   TimePoint now) {
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return Entry::kNow;
  Address& entry = found->second;
  if (entry.waiting.empty() && now - entry.last_strike > kMemory) {
    addresses_.erase(found);
    return Entry::kNow;
  }
  if (entry.waiting.empty() && now >= entry.next_turn) {
    entry.next_turn = now + entry.pause;
    return Entry::kNow;
  }
  if (entry.waiting.size() >= kMaxWaiting) return Entry::kNever;
  entry.waiting.push_back(id);
  ++waiting_;
  return Entry::kLater;
}

std::optional<int64_t> Penalties::Next(TimePoint now) {
  if (waiting_ == 0) return std::nullopt;
  for (auto& [address, entry] : addresses_) {
    if (entry.waiting.empty() || now < entry.next_turn) continue;
    const int64_t id = entry.waiting.front();
    entry.waiting.pop_front();
    --waiting_;
    entry.next_turn = now + entry.pause;
    return id;
  }
  return std::nullopt;
}

void Penalties::GiveTurnBack(const std::string& address, TimePoint now) {
  const auto found = addresses_.find(address);
  if (found != addresses_.end()) found->second.next_turn = now;
}

}  // namespace elmo
