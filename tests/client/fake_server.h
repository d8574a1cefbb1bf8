#ifndef ELMO_TESTS_CLIENT_FAKE_SERVER_H_
#define ELMO_TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "elmo/v1/embedding.grpc.pb.h"

namespace elmo::testing {

// A real gRPC server on a free port of this machine, with grpc.health.v1
// (`readiness` is SERVING). It serves FakeModel() by FakeAnswer(), unless a
// test sets its own handlers before the first call. Handlers run on the
// server's threads and may block; the destructor ends them by cancelling.
class FakeServer : private v1::EmbeddingService::Service {
 public:
  using EmbedHandler = std::function<grpc::Status(
      grpc::ServerContext*, const v1::EmbedRequest*, v1::EmbedResponse*)>;

  FakeServer();
  ~FakeServer() override;

  // "127.0.0.1:PORT": no name to look up, where libcares would leak.
  const std::string& address() const { return address_; }

  // Set before the first call.
  EmbedHandler on_embed;
  v1::Model model;

  void SetReady(bool ready);

 private:
  grpc::Status Embed(grpc::ServerContext* context,
                     const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* context,
                        const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::Status ListModels(grpc::ServerContext* context,
                          const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CLIENT_FAKE_SERVER_H_
