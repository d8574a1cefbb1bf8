#include "tests/client/fake_server.h"

#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "tests/client/fake_model.h"

namespace elmo::testing {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

}  // namespace

FakeServer::FakeServer() : model(FakeModel()) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(this);
  builder.SetMaxReceiveMessageSize(64 << 20);
  server_ = builder.BuildAndStart();
  ELMO_CHECK(server_ != nullptr && port != 0);
  address_ = absl::StrCat("127.0.0.1:", port);
  SetReady(true);
}

FakeServer::~FakeServer() {
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeServer::SetReady(bool ready) {
  auto* health = server_->GetHealthCheckService();
  health->SetServingStatus("liveness", true);
  health->SetServingStatus("readiness", ready);
}

grpc::Status FakeServer::Embed(grpc::ServerContext* context,
                               const v1::EmbedRequest* request,
                               v1::EmbedResponse* response) {
  if (on_embed) return on_embed(context, request, response);
  absl::StatusOr<v1::EmbedResponse> answer = FakeAnswer(*request);
  if (!answer.ok()) return ToGrpc(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

grpc::Status FakeServer::GetModel(grpc::ServerContext*,
                                  const v1::GetModelRequest* request,
                                  v1::Model* response) {
  if (!request->model().empty() && request->model() != model.name()) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND,
                        "model is not served here");
  }
  *response = model;
  return grpc::Status::OK;
}

grpc::Status FakeServer::ListModels(grpc::ServerContext*,
                                    const v1::ListModelsRequest*,
                                    v1::ListModelsResponse* response) {
  *response->add_models() = model;
  return grpc::Status::OK;
}

}  // namespace elmo::testing
