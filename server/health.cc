#include "server/health.h"

#include "core/base/check.h"
#include "elmo/v1/embedding.grpc.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/health_check_service_interface.h"

namespace elmo {

void Health::Enable() {
  grpc::EnableDefaultHealthCheckService(true);
  // gRPC's health service brings no description of itself. Naming ours links
  // it, and reflection finds it.
  ELMO_CHECK(grpc::health::v1::HealthCheckRequest::descriptor() != nullptr);
}

Health::Health(grpc::Server* server, grpc::Server* probe)
    : server_(server), probe_(probe) {
  Set("liveness", true);
  SetReady(true);
}

void Health::SetReady(bool ready) {
  for (const char* name :
       {"readiness", v1::EmbeddingService::service_full_name(), ""}) {
    Set(name, ready);
  }
}

void Health::Set(const std::string& name, bool serving) {
  for (grpc::Server* server : {server_, probe_}) {
    if (server == nullptr) continue;
    ELMO_CHECK(server->GetHealthCheckService() != nullptr);
    server->GetHealthCheckService()->SetServingStatus(name, serving);
  }
}

}  // namespace elmo
