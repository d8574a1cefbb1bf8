#ifndef ELMO_SERVER_EMBED_CONTEXT_H_
#define ELMO_SERVER_EMBED_CONTEXT_H_

#include "grpcpp/grpcpp.h"
#include "server/batching/batch_scheduler.h"
#include "server/call_record.h"
#include "server/embed_plan.h"
#include "server/in_flight.h"
#include "server/request_validator.h"
#include "server/stall_guard.h"

namespace elmo {

// What every Embed call and stream needs. Not owned; all outlive the calls.
struct EmbedContext {
  const RequestValidator* validator = nullptr;
  BatchScheduler* scheduler = nullptr;
  InFlight* in_flight = nullptr;
  // For callers that set no deadline.
  Duration default_deadline{};
  // For answers that their client does not read.
  StallGuard::Options stall;
  // Who is told about calls.
  CallObservers observers;
};

// The connection that a call came over.
ClientId ClientOf(grpc::CallbackServerContext* rpc);

// The call's deadline by the steady clock; `now` + `default_deadline` where it
// has none.
TimePoint DeadlineOf(const grpc::CallbackServerContext& rpc, TimePoint now,
                     Duration default_deadline);

// A request that is ready to be run, and the bytes that it holds until it is
// answered: its text, the values as computed, and the values as they are sent.
struct AcceptedRequest {
  EmbedPlan plan;
  int64_t bytes = 0;
  int64_t request_bytes = 0;  // Of these, as it came.
};

// Parses and validates; `buffer` is empty afterwards. INVALID_ARGUMENT or
// NOT_FOUND as RequestValidator.
absl::StatusOr<AcceptedRequest> AcceptRequest(const RequestValidator& validator,
                                              grpc::ByteBuffer* buffer,
                                              bool in_stream);

}  // namespace elmo

#endif  // ELMO_SERVER_EMBED_CONTEXT_H_
