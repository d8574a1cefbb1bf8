#include "core/base/team.h"

#include <time.h>

#include <algorithm>
#include <chrono>

#include "core/base/denormals.h"

namespace elmo {
namespace {

using Clock = std::chrono::steady_clock;

// A helper that takes so much longer than the leader has lost its CPU.
constexpr std::chrono::microseconds kStall(500);
// Splits without helpers after that. A stall takes some 10 ms: at worst one in
// a dozen sentences.
constexpr int64_t kLeastPenalty = 16;
constexpr int64_t kMostPenalty = 2048;
// Splits that make it one less: where every dozen has a stall, it grows.
constexpr int64_t kFading = 8;

// Waiting, busily at first: some 50 us, more than the parts of a step are
// apart. Then asleep, for moments. Not sched_yield(): two members that yield to
// each other may stay on one CPU for good, beside one that is idle; who wakes
// up is given that one.
class Wait {
 public:
  void Once() {
    if (++spins_ <= kSpins) {
#ifdef __SSE2__
      _mm_pause();
#endif
    } else {
      const timespec moment = {0, 20000};
      nanosleep(&moment, nullptr);
    }
  }

 private:
  static constexpr int kSpins = 4000;
  int spins_ = 0;
};

}  // namespace

Team::Team(int max_helpers) : slots_(max_helpers) {}

bool Team::Change(Slot* slot, State from, State to) {
  return slot->state.compare_exchange_strong(
      from, to, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void Team::ParallelFor(int64_t n, Part part) {
  if (alone_for_ > 0) {
    --alone_for_;
    part(0, 0, n);
    return;
  }
  int64_t helpers = 0;
  for (const Slot& slot : slots_) {
    if (slot.state.load(std::memory_order_relaxed) == State::kIdle) ++helpers;
  }
  if (helpers >= n) helpers = n - 1;
  if (helpers <= 0) {
    part(0, 0, n);
    return;
  }
  const auto begin_of = [&](int64_t i) { return n * i / (helpers + 1); };
  int64_t offered = 0;
  for (Slot& slot : slots_) {
    if (offered == helpers) break;
    if (slot.state.load(std::memory_order_relaxed) != State::kIdle) continue;
    slot.part = &part;
    slot.begin = begin_of(offered + 1);
    slot.end = begin_of(offered + 2);
    // Fails where the helper has just left.
    if (Change(&slot, State::kIdle, State::kOffered)) ++offered;
  }
  // The parts of those that have just left are the leader's too.
  const Clock::time_point start = Clock::now();
  part(0, 0, begin_of(1));
  if (offered < helpers) part(0, begin_of(offered + 1), n);
  const Clock::time_point own_end = Clock::now();
  const int64_t taken_back = Join(part);
  if (taken_back == offered) return;
  helped_ = true;
  if (taken_back == 0 && Clock::now() - own_end > own_end - start + kStall) {
    penalty_ = std::clamp(2 * penalty_, kLeastPenalty, kMostPenalty);
    alone_for_ = penalty_;
  } else if (penalty_ > 0 && ++since_stall_ % kFading == 0) {
    --penalty_;
  }
}

int64_t Team::Join(Part part) {
  int64_t taken_back = 0;
  for (Slot& slot : slots_) {
    if (Change(&slot, State::kOffered, State::kIdle)) {
      part(0, slot.begin, slot.end);
      ++taken_back;
      continue;
    }
    // An idle slot had no part, or its part is done.
    Wait wait;
    while (slot.state.load(std::memory_order_acquire) == State::kTaken) {
      wait.Once();
    }
  }
  return taken_back;
}

bool Team::TakeHelped() {
  const bool helped = helped_;
  helped_ = false;
  return helped;
}

void Team::Help() {
  Slot* mine = nullptr;
  for (Slot& slot : slots_) {
    if (Change(&slot, State::kAbsent, State::kIdle)) {
      mine = &slot;
      break;
    }
  }
  if (mine == nullptr) return;
  const int member = static_cast<int>(mine - slots_.data()) + 1;
  const ScopedFlushDenormals flush_denormals;
  Wait wait;
  while (true) {
    const State state = mine->state.load(std::memory_order_relaxed);
    if (state == State::kOffered) {
      // Fails where the leader has just taken it back.
      if (Change(mine, State::kOffered, State::kTaken)) {
        (*mine->part)(member, mine->begin, mine->end);
        mine->state.store(State::kIdle, std::memory_order_release);
      }
      wait = Wait();
    } else if (!open_.load(std::memory_order_relaxed) &&
               Change(mine, State::kIdle, State::kAbsent)) {
      return;
    } else {
      wait.Once();
    }
  }
}

}  // namespace elmo
