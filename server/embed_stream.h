#ifndef ELMO_SERVER_EMBED_STREAM_H_
#define ELMO_SERVER_EMBED_STREAM_H_

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "grpcpp/alarm.h"
#include "grpcpp/grpcpp.h"
#include "server/embed_context.h"
#include "server/embed_job.h"
#include "server/stall_guard.h"

namespace elmo {

// One EmbedStream RPC. Requests are read while fewer than kMaxOpen are not
// answered; they run side by side (those of a session one after the other) and
// are answered in order. A request for which there is no room in the queue or
// in memory, or whose session's turn has not come, is held back, and no other
// is read meanwhile: that is the flow control towards the caller.
//
// After the answers of those before it, a stream is ended by a request that is
// wrong; that cannot be done by its deadline, though none of the stream is
// ahead of it; or that is held back and for which InFlight has no room either.
//
// Keeps itself alive until gRPC is done with it. No method blocks. Thread-safe.
class EmbedStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public std::enable_shared_from_this<EmbedStream> {
 public:
  // Requests of a stream that were read and not answered yet.
  static constexpr size_t kMaxOpen = 8;

  EmbedStream(const EmbedContext& context, grpc::CallbackServerContext* rpc);

  void Start();
  // The server shuts down: what the scheduler has accepted is answered, no more
  // is read, and the stream ends with UNAVAILABLE.
  void Drain();

 private:
  // A request from when it was read until its answer was sent.
  struct Entry {
    std::shared_ptr<EmbedJob> job;
    std::vector<SentenceTask> tasks;  // Not submitted yet.
    int64_t bytes = 0;                // Of the request and its answer.
    int64_t request_bytes = 0;        // Of these, the request's.
    TimePoint deadline;
    bool session = false;
    bool waiting = false;    // Held back: `request_bytes` are reserved.
    bool submitted = false;  // At least the first task; `bytes` are reserved.
    bool done = false;       // `result` and, if OK, `response` are set.
    absl::Status result;
    grpc::ByteBuffer response;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  // What is to be asked of gRPC, outside the lock.
  struct Actions {
    bool read = false;
    grpc::ByteBuffer* write = nullptr;
    bool finish = false;
    absl::Status status;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  absl::Status TakeRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // INVALID_ARGUMENT where the session is another model's.
  absl::Status JoinSession(const EmbedPlan& plan)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SubmitWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // OK; UNAVAILABLE where there is no room or not enough time now.
  absl::Status Submit(const EntryPtr& entry, RefusalReason* reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Counts the request that was read last, where it could not be submitted.
  void HoldBack() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives up what is in open_ from `entry` on: read, but never accepted.
  void Refuse(const EntryPtr& entry, const absl::Status& status,
              RefusalReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Begins the session at zero, unless it stands somewhere with this model.
  void PrepareState(const ServedModel& model)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SubmitNextOfSession(const EntryPtr& entry) ABSL_LOCKS_EXCLUDED(mu_);
  void JobDone(const EntryPtr& entry, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void RetryLater() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Retry() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the stream once what can be answered is: the first failure counts.
  void FailWith(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Actions NextActions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Do(const Actions& actions) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes out what does not run, unanswered: what was held back at once, what
  // is done when its turn comes.
  void DropIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives back the bytes that it holds.
  void Release(Entry* entry);

  const EmbedContext context_;
  grpc::CallbackServerContext* const rpc_;
  const ClientId client_;
  CallRecord record_;
  StallGuard stall_guard_;             // Armed while a write runs.
  grpc::ByteBuffer request_;           // gRPC's while a read runs.
  std::shared_ptr<EmbedStream> self_;  // From Start() to OnDone().

  Mutex mu_;
  // Read and not answered, in order of the requests.
  std::deque<EntryPtr> open_ ABSL_GUARDED_BY(mu_);
  int64_t requests_ ABSL_GUARDED_BY(mu_) = 0;  // Read so far.
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool reads_done_ ABSL_GUARDED_BY(mu_) = false;  // The caller has no more.
  // No more is written: the caller went away, or a request failed.
  bool dropping_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<grpc::Alarm> retry_ ABSL_GUARDED_BY(mu_);
  // Of all requests of the session; empty before the first.
  std::string session_name_ ABSL_GUARDED_BY(mu_);
  // Where the session stands; read and written by its running sentence.
  LstmState session_state_;
  // Of the weights that it is of: a reload may replace those behind the name.
  std::string session_checksum_ ABSL_GUARDED_BY(mu_);
};

// The streams that are open, so that a shutdown reaches them. Thread-safe.
class EmbedStreams {
 public:
  void Add(const std::shared_ptr<EmbedStream>& stream);
  // Drains all, those that come later included.
  void Drain();

 private:
  Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::weak_ptr<EmbedStream>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace elmo

#endif  // ELMO_SERVER_EMBED_STREAM_H_
