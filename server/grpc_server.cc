#include "server/grpc_server.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/resource_quota.h"
#include "server/health.h"
#include "server/metrics/metrics_endpoint.h"
#include "server/probe_server.h"
#include "server/server_credentials.h"

namespace elmo {
namespace {

// Reflection for one server, on or off. Loading gRPC's library switches it on
// for every server of the process, so it has to be taken out as well.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool on) : on_(on) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    auto reflection =
        std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    const std::string name = reflection->name();
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [&](const auto& plugin) {
                                    return plugin->name() == name;
                                  }),
                   plugins->end());
    if (on_) plugins->push_back(std::move(reflection));
  }

 private:
  const bool on_;
};

void AddConnectionArguments(const ConnectionOptions& options,
                            grpc::ServerBuilder* builder) {
  const std::pair<const char*, std::chrono::milliseconds> times[] = {
      {GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_connection_age},
      {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, options.max_connection_age_grace},
      {GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_time},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout},
      {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, options.handshake_timeout},
  };
  for (const auto& [name, time] : times) {
    builder->AddChannelArgument(name, static_cast<int>(time.count()));
  }
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // No limit: gRPC 1.51 adds an error to the last one for each ping over it,
  // and unpacks them all anew each time. 64 KB of pings kept a thread busy for
  // many seconds. Many pings are frames like others to the guard.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                              options.max_concurrent_streams);
  // What is read at once is worked off at once, also when the connection is
  // closed meanwhile: 4 MB, gRPC's own limit, may hold 20 000 calls, each of
  // 20 KB.
  builder->AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 16 << 10);
  // A second server on the port fails loudly instead of taking half the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<grpc::Server>> StartGrpcServer(
    const ServerOptions& options, const Security& security,
    grpc::Service* service, int* port,
    std::unique_ptr<ConnectionAcceptor>* acceptor) {
  Health::Enable();
  // For the whole process: gRPC has no other way.
  if (options.channelz) grpc::channelz::experimental::InitChannelzService();

  grpc::ServerBuilder builder;
  AddConnectionArguments(options.connection, &builder);
  // Counting alone; the service that shows it is another matter (above).
  builder.AddChannelArgument(
      GRPC_ARG_ENABLE_CHANNELZ,
      options.channelz || options.connection.guard_connections);
  // The gate knows the exact limit; this one spares the memory for what is far
  // over it, and may cost the caller its connection.
  builder.AddChannelArgument(
      GRPC_ARG_MAX_METADATA_SIZE,
      2 * static_cast<int>(options.security.max_metadata_bytes));
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(options.limits.max_request_bytes));
  // gRPC unpacks a whole message before it looks at the size: 4 MB may become
  // 4 GB. Text hardly shrinks anyway.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  grpc::ResourceQuota quota("elmo-server");
  quota.Resize(static_cast<size_t>(options.connection.max_buffer_bytes));
  builder.SetResourceQuota(quota);
  builder.SetOption(std::make_unique<ReflectionOption>(options.reflection));
  builder.RegisterService(service);
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections;
  const auto credentials = MakeServerCredentials(security);
  if (absl::StartsWith(options.listen, "unix:")) {
    builder.AddListeningPort(options.listen, credentials, port);
  } else {
    ConnectionAcceptor::Options limits;
    limits.max_connections = options.connection.max_connections;
    if (!options.security.probe_listen.empty()) {
      limits.reserved_descriptors += ProbeServer::kMaxConnections;
    }
    if (!options.metrics_listen.empty()) {
      limits.reserved_descriptors += MetricsEndpoint::kMaxConnections;
    }
    limits.guard = options.connection.guard_connections;
    limits.max_message_bytes = options.limits.max_request_bytes;
    limits.max_calls = options.connection.max_concurrent_streams;
    ELMO_ASSIGN_OR_RETURN(*acceptor,
                          ConnectionAcceptor::Listen(options.listen, limits));
    *port = (*acceptor)->port();
    if (limits.guard) {
      std::vector<std::unique_ptr<
          grpc::experimental::ServerInterceptorFactoryInterface>>
          counting;
      counting.push_back(CountCalls((*acceptor)->open_calls()));
      builder.experimental().SetInterceptorCreators(std::move(counting));
    }
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    connections = builder.experimental().AddExternalConnectionAcceptor(
        Type::FROM_FD, credentials);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || *port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", options.listen,
        ": the address is in use, not this machine's, or not permitted"));
  }
  if (connections != nullptr) (*acceptor)->Start(std::move(connections));
  return server;
}

}  // namespace elmo
