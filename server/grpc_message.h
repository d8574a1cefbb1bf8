#ifndef ELMO_SERVER_GRPC_MESSAGE_H_
#define ELMO_SERVER_GRPC_MESSAGE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/grpcpp.h"

namespace elmo {

// Reads `message` from `buffer`, which is empty afterwards. INVALID_ARGUMENT
// where that fails. We parse ourselves because gRPC would answer INTERNAL, as
// if the server were at fault.
absl::Status ParseMessage(grpc::ByteBuffer* buffer,
                          google::protobuf::MessageLite* message);

// INTERNAL where the message is too large for protobuf (2 GB).
absl::Status SerializeMessage(const google::protobuf::MessageLite& message,
                              grpc::ByteBuffer* buffer);

}  // namespace elmo

#endif  // ELMO_SERVER_GRPC_MESSAGE_H_
