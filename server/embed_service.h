#ifndef ELMO_SERVER_EMBED_SERVICE_H_
#define ELMO_SERVER_EMBED_SERVICE_H_

#include "elmo/v1/embedding.grpc.pb.h"
#include "server/embed_call.h"
#include "server/embed_stream.h"

namespace elmo {

// elmo.v1.EmbeddingService on gRPC's callback API. The methods are raw (bytes
// in, bytes out), so that a malformed message is the caller's fault
// (INVALID_ARGUMENT) and a request's memory can be let go of early.
class EmbedService final
    : public v1::EmbeddingService::WithRawCallbackMethod_Embed<
          v1::EmbeddingService::WithRawCallbackMethod_EmbedStream<
              v1::EmbeddingService::WithRawCallbackMethod_GetModel<
                  v1::EmbeddingService::WithRawCallbackMethod_ListModels<
                      v1::EmbeddingService::Service>>>> {
 public:
  // `streams`, not owned, hears of every stream.
  EmbedService(const EmbedContext& context, EmbedStreams* streams)
      : context_(context), streams_(streams) {}

  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* rpc,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* EmbedStream(
      grpc::CallbackServerContext* rpc) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* rpc,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

 private:
  const EmbedContext context_;
  EmbedStreams* const streams_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_EMBED_SERVICE_H_
