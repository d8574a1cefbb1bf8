#include "server/embed_service.h"

#include "core/base/status_macros.h"
#include "server/grpc_message.h"
#include "server/grpc_status.h"
#include "server/model_info.h"

namespace elmo {
namespace {

// gRPC shows the request as const, but it is ours alone until the call is over;
// emptying it lets go of its memory while the call waits.
grpc::ByteBuffer* Own(const grpc::ByteBuffer* request) {
  return const_cast<grpc::ByteBuffer*>(request);
}

absl::Status WriteModel(const RequestValidator& validator,
                        grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  v1::GetModelRequest message;
  ELMO_RETURN_IF_ERROR(ParseMessage(request, &message));
  ELMO_ASSIGN_OR_RETURN(const ModelRegistry::Model model,
                        validator.models().Find(message.model()));
  return SerializeMessage(DescribeModel(*model, validator.limits()), response);
}

absl::Status WriteModels(const RequestValidator& validator,
                         grpc::ByteBuffer* request,
                         grpc::ByteBuffer* response) {
  v1::ListModelsRequest message;
  ELMO_RETURN_IF_ERROR(ParseMessage(request, &message));
  v1::ListModelsResponse models;
  for (const ModelRegistry::Model& model : validator.models().All()) {
    *models.add_models() = DescribeModel(*model, validator.limits());
  }
  return SerializeMessage(models, response);
}

// Answers a call that never waits, and counts it.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* rpc,
                                 CallRecord* record,
                                 const absl::Status& status) {
  record->End(status);
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* EmbedService::Embed(grpc::CallbackServerContext* rpc,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) {
  auto* call = new EmbedCall(context_, rpc, response);  // Deletes itself.
  call->Start(Own(request));
  return call;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
EmbedService::EmbedStream(grpc::CallbackServerContext* rpc) {
  const auto stream = std::make_shared<elmo::EmbedStream>(context_, rpc);
  stream->Start();  // Keeps itself alive.
  streams_->Add(stream);
  return stream.get();
}

grpc::ServerUnaryReactor* EmbedService::GetModel(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  CallRecord record(context_.observers, RpcMethod::kGetModel, rpc);
  return Answer(rpc, &record,
                WriteModel(*context_.validator, Own(request), response));
}

grpc::ServerUnaryReactor* EmbedService::ListModels(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  CallRecord record(context_.observers, RpcMethod::kListModels, rpc);
  return Answer(rpc, &record,
                WriteModels(*context_.validator, Own(request), response));
}

}  // namespace elmo
