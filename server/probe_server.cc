#include "server/probe_server.h"

#include <vector>

#include "absl/strings/str_cat.h"
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
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 4096);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 10);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 60000);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  grpc::ResourceQuota quota("elmo-server probes");
  quota.Resize(size_t{16} << 20);
  builder.SetResourceQuota(quota);
  builder.SetOption(std::make_unique<NoPlugins>());
  builder.RegisterCallbackGenericService(&probe->nothing_);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(),
                           &probe->port_);
  probe->server_ = builder.BuildAndStart();
  if (probe->server_ == nullptr || probe->port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address,
        " for probes: the address is in use, not this machine's, or not "
        "permitted"));
  }
  return probe;
}

}  // namespace elmo
