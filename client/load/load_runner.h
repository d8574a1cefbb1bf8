#ifndef ELMO_CLIENT_LOAD_LOAD_RUNNER_H_
#define ELMO_CLIENT_LOAD_LOAD_RUNNER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "client/embed_connection.h"
#include "client/load/answer_check.h"
#include "client/load/arrival_schedule.h"
#include "client/load/load_clock.h"
#include "client/load/load_record.h"
#include "client/load/request_pool.h"
#include "core/base/mutex.h"

namespace elmo {

struct LoadProgress {
  std::chrono::nanoseconds elapsed{0};
  int64_t sentences = 0;  // Answered.
  int64_t tokens = 0;
};

// Sends the calls of a schedule and records how each went.
//
// Open loop: a call goes out at its intended time, however many wait; a sender
// that has fallen behind sends as fast as it can, and its delay is part of the
// latency. Closed loop: so many calls are kept under way, to find out how much
// the server can do; they are intended when they are sent.
//
// One thread calls Run(), once.
class LoadRunner {
 public:
  struct Options {
    // Calls under way in a closed loop; 0: open loop.
    int max_in_flight = 0;
    // Absent: the load ends with the schedule's last call.
    std::optional<std::chrono::nanoseconds> duration;
    // Null: no answer is compared.
    const AnswerCheck* check = nullptr;
    // Of the answers, the first and then every so-manieth is compared.
    int64_t verify_every = 100;
  };

  // Calls go over the connections in turn. Keeps the references.
  LoadRunner(const Options& options, const std::vector<PooledRequest>& requests,
             const std::vector<std::shared_ptr<EmbedConnection>>& connections,
             LoadClock& clock);

  // Returns when every call has ended. Where `stop` turns true, sends nothing
  // more and abandons what is under way. `show` is called now and then, on this
  // thread.
  LoadRecords Run(ArrivalSchedule* schedule, const std::atomic<bool>& stop,
                  const std::function<void(const LoadProgress&)>& show);

 private:
  using TimePoint = LoadClock::TimePoint;
  using Deadline = std::pair<TimePoint, int64_t>;  // Of which call.

  struct InFlight {
    PlannedCall plan;
    TimePoint intended;
    std::chrono::nanoseconds send_delay{0};
    EmbedConnection::Cancel cancel;  // Empty while the call is being started.
    bool cancelled = false;
    bool abandoned = false;
  };

  // Until the call's turn; false where there is nothing more to send.
  bool AwaitTurn(PlannedCall* call, const std::atomic<bool>& stop);
  bool AwaitTime(TimePoint time, const std::atomic<bool>& stop);
  bool AwaitPlace(PlannedCall* call, const std::atomic<bool>& stop);
  void Send(const PlannedCall& call);
  void Ended(int64_t number, const absl::StatusOr<v1::EmbedResponse>& answer);
  bool MustVerify(bool ok);
  // Cancels what is due; the time of the next, or `limit`.
  TimePoint CancelDue(TimePoint limit);
  void CancelAll();
  void Drain(const std::atomic<bool>& stop);
  void Show();

  const Options options_;
  const std::vector<PooledRequest>& requests_;
  const std::vector<std::shared_ptr<EmbedConnection>> connections_;
  LoadClock& clock_;

  // Of the thread in Run().
  TimePoint start_;
  std::function<void(const LoadProgress&)> show_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>>
      cancellations_;

  Mutex mu_;
  CondVar call_ended_;
  std::unordered_map<int64_t, InFlight> in_flight_ ABSL_GUARDED_BY(mu_);
  LoadRecords records_ ABSL_GUARDED_BY(mu_);
  LoadProgress progress_ ABSL_GUARDED_BY(mu_);
  int64_t num_ok_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_LOAD_RUNNER_H_
