#include "tests/testing/raw_call.h"

#include <cstdlib>

namespace elmo::testing {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.DumpToSingleSlice(&slice).ok()) std::abort();
  return std::string(reinterpret_cast<const char*>(slice.begin()),
                     slice.size());
}

}  // namespace

RawCall::RawCall(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& method,
                 const std::function<void(grpc::ClientContext*)>& prepare)
    : stub_(channel) {
  if (prepare != nullptr) prepare(&context_);
  stream_ = stub_.PrepareCall(&context_, method, &queue_);
  stream_->StartCall(this);
  Wait();
}

RawCall::~RawCall() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) continue;
}

bool RawCall::Wait() {
  void* tag = nullptr;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

bool RawCall::Write(const std::string& bytes) {
  stream_->Write(ToBuffer(bytes), this);
  return Wait();
}

bool RawCall::WritesDone() {
  stream_->WritesDone(this);
  return Wait();
}

std::optional<std::string> RawCall::Read() {
  grpc::ByteBuffer buffer;
  stream_->Read(&buffer, this);
  if (!Wait()) return std::nullopt;
  return ToString(buffer);
}

grpc::Status RawCall::Finish() {
  grpc::Status status;
  stream_->Finish(&status, this);
  Wait();
  return status;
}

grpc::Status RawUnary(const std::shared_ptr<grpc::Channel>& channel,
                      const std::string& method, const std::string& request,
                      std::string* response) {
  RawCall call(channel, method);
  call.Write(request);
  call.WritesDone();
  const std::optional<std::string> answer = call.Read();
  if (response != nullptr && answer.has_value()) *response = *answer;
  return call.Finish();
}

std::string HealthRequest(const std::string& service) {
  std::string bytes = "\x0a";  // HealthCheckRequest.service = 1.
  bytes += static_cast<char>(service.size());
  return bytes.append(service);
}

std::string HealthStatus(const std::string& response) {
  // HealthCheckResponse.status = 1, a varint; 0 is left out.
  const int status =
      response.size() == 2 && response[0] == 0x08 ? response[1] : 0;
  static const char* const kNames[] = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                       "SERVICE_UNKNOWN"};
  return status >= 0 && status < 4 ? kNames[status] : "nonsense";
}

std::string HealthOf(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& service) {
  std::string response;
  const grpc::Status status = RawUnary(channel, "/grpc.health.v1.Health/Check",
                                       HealthRequest(service), &response);
  return status.ok() ? HealthStatus(response)
                     : std::to_string(status.error_code());
}

}  // namespace elmo::testing
