#include "server/send_progress.h"

#include <gtest/gtest.h>

namespace elmo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kTimeout(2);
constexpr int64_t kOwed = 24 << 20;
const TimePoint kStart = TimePoint() + seconds(1000);

// When an answer ends as stalled, looked at as it asks for, of whose connection
// `sent` says what its peer has at a time; kStart + `until` where it does not.
template <typename Sent>
Duration EndOf(int64_t owed_bytes, Duration until, const Sent& sent) {
  SendProgress progress(kTimeout, owed_bytes, kStart);
  TimePoint now = kStart;
  while (now < kStart + until) {
    const std::optional<TimePoint> next = progress.Look(now, sent(now));
    if (!next.has_value()) break;
    EXPECT_GT(*next, now);
    now = *next;
  }
  return now - kStart;
}

TEST(SendProgressTest, AnAnswerOfWhichNothingLeavesEndsAtTheTimeout) {
  const auto nothing = [](TimePoint) { return std::optional<int64_t>(4711); };
  EXPECT_EQ(EndOf(kOwed, seconds(100), nothing), kTimeout);
}

// 12 MB at 1.5 MB a second take four times the timeout.
TEST(SendProgressTest, AnAnswerThatGetsOnMayTakeLongerThanTheTimeout) {
  const auto steadily = [](TimePoint now) {
    const auto passed = std::chrono::duration<double>(now - kStart).count();
    return std::optional<int64_t>(static_cast<int64_t>(passed * 1.5e6));
  };
  EXPECT_GE(EndOf(kOwed, seconds(8), steadily), seconds(8));
}

TEST(SendProgressTest, AnAnswerThatStopsEndsTheTimeoutLater) {
  const auto stops = [](TimePoint now) {
    const auto passed = std::min<Duration>(now - kStart, seconds(5));
    return std::optional<int64_t>(passed / milliseconds(1) * 1000);
  };
  const Duration end = EndOf(kOwed, seconds(100), stops);
  EXPECT_GE(end, seconds(5) + kTimeout - kTimeout / 4);
  EXPECT_LE(end, seconds(5) + kTimeout + kTimeout / 4);
}

// Keepalive pings are answered and acknowledged, too.
TEST(SendProgressTest, AFewBytesAreNoProgress) {
  const auto pings = [](TimePoint now) {
    return std::optional<int64_t>((now - kStart) / milliseconds(100) * 17);
  };
  EXPECT_EQ(EndOf(kOwed, seconds(100), pings), kTimeout);
}

// A proxy goes on reading for its other clients.
TEST(SendProgressTest, OtherCallsDoNotKeepAStalledAnswerForEver) {
  const auto others = [](TimePoint now) {
    return std::optional<int64_t>((now - kStart) / milliseconds(1) * 100000);
  };
  EXPECT_EQ(EndOf(kOwed, seconds(1000), others),
            kTimeout + seconds(kOwed / SendProgress::kLeastBytesPerSecond));
}

TEST(SendProgressTest, WithoutFiguresOnlyTheLowSpeedCounts) {
  const auto unknown = [](TimePoint) { return std::optional<int64_t>(); };
  EXPECT_EQ(EndOf(kOwed, seconds(1000), unknown),
            kTimeout + seconds(kOwed / SendProgress::kLeastBytesPerSecond));
}

}  // namespace
}  // namespace elmo
