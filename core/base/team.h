#ifndef ELMO_CORE_BASE_TEAM_H_
#define ELMO_CORE_BASE_TEAM_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"

namespace elmo {

// Lets threads that have nothing to do help one that computes. It has no
// threads of its own: the leader calls ParallelFor(), any other thread may join
// with Help() and leave between two parts; a leader without helpers computes
// alone. Nobody is ever waited for who has not begun: a part that its helper
// has not taken when the leader is done with its own, the leader takes back. So
// a helper that is late, or not running, costs little.
//
// Splitting and joining takes about a microsecond, so that each product of a
// step can be shared. Members wait busily, and give way to other threads when
// it takes long. Where helpers lose their CPU to others in the middle of a
// part, which then all wait for, the leader does without them for a while.
//
// Thread-safe, as far as each function says who may call it.
class Team {
 public:
  // Computes [begin, end) as member `member`, 0 for the leader. Two parts that
  // are computed at a time have different members. Must not throw.
  using Part = absl::FunctionRef<void(int member, int64_t begin, int64_t end)>;

  // With room for so many helpers; closed.
  explicit Team(int max_helpers);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int max_members() const { return static_cast<int>(slots_.size()) + 1; }

  // For the leader, one thread at a time and not from a part. Computes [0, n)
  // in as many contiguous parts as there are members now; returns when all are
  // done.
  void ParallelFor(int64_t n, Part part);
  // For the leader: whether a helper has computed a part since the last call.
  bool TakeHelped();

  // For any thread. Whether helpers may stay; they leave after the part at
  // which they are.
  void Open() { open_.store(true, std::memory_order_relaxed); }
  void Close() { open_.store(false, std::memory_order_relaxed); }

  // For a helper: computes parts until the team is closed, with denormals
  // flushed as the engine does. Returns at once where there is no room.
  void Help();

 private:
  enum class State {
    kAbsent,   // No helper has this slot.
    kIdle,     // Its helper waits.
    kOffered,  // The leader has put a part there.
    kTaken,    // Its helper computes that.
  };
  // One helper's, two cache lines apart from the next: neighbouring lines are
  // fetched together.
  struct alignas(128) Slot {
    std::atomic<State> state{State::kAbsent};
    // Written by the leader while nothing is offered.
    const Part* part = nullptr;
    int64_t begin = 0;
    int64_t end = 0;
  };

  // Waits for the parts that are out; the parts taken back are the leader's.
  // How many those are.
  int64_t Join(Part part);
  // state: from -> to, unless it is another.
  static bool Change(Slot* slot, State from, State to);

  std::vector<Slot> slots_;  // Member i + 1 has slots_[i].
  // The leader's.
  bool helped_ = false;
  int64_t alone_for_ = 0;    // Splits to come.
  int64_t penalty_ = 0;      // The last stall's, fading.
  int64_t since_stall_ = 0;  // Splits that were well.
  alignas(128) std::atomic<bool> open_{false};
};

// `team`, which may be null, computes [0, n) in parts.
inline void ParallelFor(Team* team, int64_t n, Team::Part part) {
  if (team != nullptr) {
    team->ParallelFor(n, part);
  } else {
    part(0, 0, n);
  }
}

// Members that a part may have.
inline int MaxMembers(const Team* team) {
  return team == nullptr ? 1 : team->max_members();
}

}  // namespace elmo

#endif  // ELMO_CORE_BASE_TEAM_H_
