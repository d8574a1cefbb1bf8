#ifndef ELMO_SERVER_EMBED_CALL_H_
#define ELMO_SERVER_EMBED_CALL_H_

#include <atomic>
#include <memory>

#include "grpcpp/grpcpp.h"
#include "server/embed_context.h"
#include "server/embed_job.h"
#include "server/stall_guard.h"

namespace elmo {

// One Embed RPC, from gRPC's side: reads the request, hands a job to the
// scheduler and answers when the job is done. Deletes itself when gRPC is done
// with it. No method blocks.
class EmbedCall final : public grpc::ServerUnaryReactor {
 public:
  // `rpc` and `response` are gRPC's and live until OnDone().
  EmbedCall(const EmbedContext& context, grpc::CallbackServerContext* rpc,
            grpc::ByteBuffer* response);

  // Begins; takes the request's bytes. Every path leads to one Finish().
  void Start(grpc::ByteBuffer* request);

 private:
  absl::Status Submit(grpc::ByteBuffer* request);
  void JobDone(const absl::Status& status);
  void Fail(const absl::Status& status);
  void OnCancel() override;
  void OnDone() override;

  const EmbedContext context_;
  grpc::CallbackServerContext* const rpc_;
  grpc::ByteBuffer* const response_;
  const ClientId client_;
  const TimePoint received_;
  const TimePoint deadline_;
  CallRecord record_;
  StallGuard stall_guard_;
  int64_t reserved_bytes_ = 0;
  TimePoint answered_{};
  std::atomic<bool> cancelled_{false};
  // Set in Start() or never; gRPC calls OnCancel() only after that.
  std::shared_ptr<EmbedJob> job_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_EMBED_CALL_H_
