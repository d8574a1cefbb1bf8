#ifndef ELMO_SERVER_CALL_RECORD_H_
#define ELMO_SERVER_CALL_RECORD_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "server/batching/batch_observer.h"
#include "server/call_report.h"
#include "server/embed_job.h"
#include "server/embed_plan.h"
#include "server/logs/access_log.h"
#include "server/metrics/server_metrics.h"

namespace elmo {

// Who is told about calls. Both may be null. Not owned; outlive the calls.
struct CallObservers {
  ServerMetrics* metrics = nullptr;
  AccessLog* log = nullptr;
};

// What one call did, from its arrival until it is answered; then counted and
// logged. A call of any method has one, made first and destroyed last.
//
// Thread-safe: a stream reads and answers at the same time.
class CallRecord {
 public:
  // Takes the request id and the trace from the call's metadata, and puts the
  // id into its trailing metadata ("x-request-id").
  CallRecord(const CallObservers& observers, RpcMethod method,
             grpc::CallbackServerContext* rpc);
  // The call counts as cancelled where End() was not called.
  ~CallRecord();

  // A request passed validation. Once for Embed, for each message of a stream.
  void Accepted(const EmbedPlan& plan, int64_t request_bytes);
  // It was turned away by someone else than the scheduler, which tells itself.
  void Refused(RefusalReason reason);
  // It is about to be answered.
  void Answered(const EmbedJob::Timings& timings, int64_t response_bytes);
  // The call is about to be finished so: call it once, right before Finish(),
  // so that whoever has the answer finds it counted.
  void End(const absl::Status& status);
  // The same where that is known only later: it took until `answered`.
  void EndedOk(TimePoint answered);
  // The call is about to be cancelled: its answer is not read. Counted and
  // logged so even where it was taken for answered.
  void Stalled();

 private:
  void End(const absl::Status& status, TimePoint end);
  CallReport Report(const absl::Status& status, TimePoint end) const;

  const CallObservers observers_;
  const RpcMethod method_;
  grpc::CallbackServerContext* const rpc_;
  const TimePoint received_;
  std::string request_id_;
  std::string trace_id_;
  std::string span_id_;
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> queue_ns_{0};
  std::atomic<int64_t> compute_ns_{0};
  std::atomic<int64_t> sentences_{0};
  std::atomic<int64_t> tokens_{0};
  std::atomic<int64_t> request_bytes_{0};
  std::atomic<int64_t> response_bytes_{0};
};

}  // namespace elmo

#endif  // ELMO_SERVER_CALL_RECORD_H_
