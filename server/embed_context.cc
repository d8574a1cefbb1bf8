#include "server/embed_context.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "core/base/status_macros.h"
#include "elmo/v1/embedding.pb.h"
#include "grpc/grpc_security.h"
#include "grpc/support/time.h"
#include "server/grpc_message.h"
#include "server/message_size.h"

namespace elmo {

ClientId ClientOf(grpc::CallbackServerContext* rpc) {
  const std::string peer = rpc->peer();
  if (absl::StartsWith(peer, "unix:")) {
    // Callers have no names there, but every connection has its own state of
    // security, also without any; the calls hold it until they are over.
    grpc_auth_context* connection = grpc_call_auth_context(rpc->c_call());
    grpc_auth_context_release(connection);
    return std::hash<grpc_auth_context*>()(connection);
  }
  // Address and port: two connections of a machine differ. Should two names
  // have the same hash, the two share a share.
  return std::hash<std::string>()(peer);
}

TimePoint DeadlineOf(const grpc::CallbackServerContext& rpc, TimePoint now,
                     Duration default_deadline) {
  const gpr_timespec deadline = rpc.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return now + default_deadline;
  }
  const gpr_timespec left =
      gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  // A caller may name a time that our nanoseconds cannot hold.
  constexpr int64_t kYear = 365 * 24 * 3600;
  return now +
         std::chrono::seconds(std::clamp<int64_t>(left.tv_sec, -1, kYear)) +
         std::chrono::nanoseconds(left.tv_nsec);
}

absl::StatusOr<AcceptedRequest> AcceptRequest(const RequestValidator& validator,
                                              grpc::ByteBuffer* buffer,
                                              bool in_stream) {
  AcceptedRequest accepted;
  accepted.request_bytes = static_cast<int64_t>(buffer->Length());
  accepted.bytes = accepted.request_bytes;
  v1::EmbedRequest message;
  {
    ELMO_ASSIGN_OR_RETURN(const grpc::Slice bytes, TakeBytes(buffer));
    ELMO_RETURN_IF_ERROR(CheckMessageSize(
        {reinterpret_cast<const char*>(bytes.begin()), bytes.size()},
        validator.limits()));
    ELMO_RETURN_IF_ERROR(ParseMessage(bytes, &message));
  }
  ELMO_ASSIGN_OR_RETURN(accepted.plan,
                        validator.Validate(std::move(message), in_stream));
  const EmbedPlan& plan = accepted.plan;
  const int64_t numbers = plan.response_bytes / BytesPerNumber(plan.encoding);
  accepted.bytes +=
      numbers * static_cast<int64_t>(sizeof(float)) + plan.response_bytes;
  return accepted;
}

}  // namespace elmo
