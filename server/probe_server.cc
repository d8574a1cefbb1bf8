#include "server/probe_server.h"

#include <chrono>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "grpcpp/resource_quota.h"
#include "server/health.h"

namespace elmo {
namespace {

// Reflection and channelz, where they are switched on, are for all servers of
// the process unless somebody objects.
class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    plugins->clear();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProbeServer>> ProbeServer::Start(
    const std::string& address) {
  Health::Enable();
  std::unique_ptr<ProbeServer> probe(new ProbeServer);
  ConnectionAcceptor::Options limits;
  limits.max_connections = kMaxConnections;
  limits.guard = false;
  ELMO_ASSIGN_OR_RETURN(probe->acceptor_,
                        ConnectionAcceptor::Listen(address, limits));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 4096);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 10);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 60000);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  grpc::ResourceQuota quota("elmo-server probes");
  quota.Resize(size_t{16} << 20);
  builder.SetResourceQuota(quota);
  builder.SetOption(std::make_unique<NoPlugins>());
  builder.RegisterCallbackGenericService(&probe->nothing_);
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  auto connections = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, grpc::InsecureServerCredentials());
  probe->server_ = builder.BuildAndStart();
  if (probe->server_ == nullptr) {
    return absl::UnavailableError("cannot start the server for probes");
  }
  probe->acceptor_->Start(std::move(connections));
  return probe;
}

ProbeServer::~ProbeServer() {
  if (server_ == nullptr) return;
  acceptor_->Stop();
  server_->Shutdown(std::chrono::system_clock::now());
}

}  // namespace elmo
