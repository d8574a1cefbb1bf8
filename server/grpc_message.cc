#include "server/grpc_message.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

// A slice that owns `bytes`: they are sent from where they are.
grpc::Slice OwningSlice(std::string bytes) {
  auto owner = std::make_unique<std::string>(std::move(bytes));
  grpc::Slice slice(
      owner->data(), owner->size(),
      [](void* string) { delete static_cast<std::string*>(string); },
      owner.get());
  owner.release();  // The slice deletes it.
  return slice;
}

}  // namespace

absl::StatusOr<grpc::Slice> TakeBytes(grpc::ByteBuffer* buffer) {
  if (!buffer->Valid()) {
    return absl::CancelledError("the call ended before its message");
  }
  grpc::Slice bytes;
  const bool taken = buffer->DumpToSingleSlice(&bytes).ok();
  buffer->Clear();
  if (taken) return bytes;
  return absl::InvalidArgumentError("the message cannot be decompressed");
}

absl::Status ParseMessage(const grpc::Slice& bytes,
                          google::protobuf::MessageLite* message) {
  if (bytes.size() <= std::numeric_limits<int>::max() &&
      message->ParseFromArray(bytes.begin(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("not a valid ", message->GetTypeName(),
                   ": malformed, or a string that is not UTF-8"));
}

absl::Status ParseMessage(grpc::ByteBuffer* buffer,
                          google::protobuf::MessageLite* message) {
  ELMO_ASSIGN_OR_RETURN(const grpc::Slice bytes, TakeBytes(buffer));
  return ParseMessage(bytes, message);
}

absl::Status SerializeMessage(const google::protobuf::MessageLite& message,
                              grpc::ByteBuffer* buffer) {
  std::string bytes;
  if (!message.SerializeToString(&bytes)) {
    return absl::InternalError(
        absl::StrCat("cannot serialise ", message.GetTypeName()));
  }
  const grpc::Slice slice = OwningSlice(std::move(bytes));
  *buffer = grpc::ByteBuffer(&slice, 1);
  return absl::OkStatus();
}

}  // namespace elmo
