#ifndef ELMO_SERVER_GRPC_MESSAGE_H_
#define ELMO_SERVER_GRPC_MESSAGE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/grpcpp.h"

namespace elmo {

// The bytes of `buffer`, which is empty afterwards. INVALID_ARGUMENT where they
// cannot be had, CANCELLED where there is none: the caller went away.
absl::StatusOr<grpc::Slice> TakeBytes(grpc::ByteBuffer* buffer);

// INVALID_ARGUMENT where `bytes` are not such a message. We parse ourselves
// because gRPC would answer INTERNAL, as if the server were at fault.
absl::Status ParseMessage(const grpc::Slice& bytes,
                          google::protobuf::MessageLite* message);

// The same from `buffer`, which is empty afterwards.
absl::Status ParseMessage(grpc::ByteBuffer* buffer,
                          google::protobuf::MessageLite* message);

// INTERNAL where the message is too large for protobuf (2 GB).
absl::Status SerializeMessage(const google::protobuf::MessageLite& message,
                              grpc::ByteBuffer* buffer);

}  // namespace elmo

#endif  // ELMO_SERVER_GRPC_MESSAGE_H_
