#include "client/grpc_connection.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <future>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/retry_pushback.h"
#include "elmo/v1/embedding.grpc.pb.h"

namespace elmo {
namespace {

// grpc.health.v1 has one field a message: HealthCheckRequest {string service =
// 1}, HealthCheckResponse {enum status = 1}. These two well-known types are the
// same on the wire, so that no copy of the .proto is needed.
using HealthRequest = google::protobuf::StringValue;
using HealthResponse = google::protobuf::Int32Value;
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr int kServing = 1;

absl::Status ToAbsl(const grpc::Status& status) {
  // The two enumerations have the same numbers by design.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

absl::Status WithPushback(absl::Status status,
                          const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto pushback = trailers.find(kRetryPushback);
  if (pushback != trailers.end()) {
    SetRetryPushback({pushback->second.data(), pushback->second.size()},
                     &status);
  }
  return status;
}

// A proxy of the environment (http_proxy) cannot know this machine's own ports.
bool IsLocal(const std::string& target) {
  return absl::StartsWith(target, "localhost:") ||
         absl::StartsWith(target, "127.") || absl::StartsWith(target, "[::1]");
}

grpc::ChannelArguments ChannelArguments(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(ServiceConfig(options));
  arguments.SetMaxReceiveMessageSize(options.max_receive_bytes);
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, options.max_retry_bytes);
  arguments.SetUserAgentPrefix("elmo-client");
  // By default gRPC asks for a name's addresses every 30 seconds at most: in
  // that time all servers of a name may have been replaced.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 5000);
  if (!options.tls_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_name);
  }
  if (options.own_connection) {
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  }
  if (IsLocal(options.target)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// Everything that gRPC refers to until the callback has run.
struct EmbedCall {
  grpc::ClientContext context;
  std::shared_ptr<const v1::EmbedRequest> request;
  v1::EmbedResponse response;
  EmbedConnection::EmbedCallback done;
};

class GrpcConnection : public EmbedConnection {
 public:
  GrpcConnection(const ClientOptions& options,
                 const std::shared_ptr<grpc::Channel>& channel)
      : options_(options),
        stub_(v1::EmbeddingService::NewStub(channel)),
        health_(channel) {}

  Cancel AsyncEmbed(const CallOptions& options,
                    std::shared_ptr<const v1::EmbedRequest> request,
                    EmbedCallback done) override {
    auto call = std::make_shared<EmbedCall>();
    Prepare(options, &call->context);
    call->request = std::move(request);
    call->done = std::move(done);
    stub_->async()->Embed(
        &call->context, call->request.get(), &call->response,
        [call](const grpc::Status& status) {
          if (!status.ok()) {
            return call->done(WithPushback(ToAbsl(status), call->context));
          }
          call->done(std::move(call->response));
        });
    std::weak_ptr<EmbedCall> weak = call;
    return [weak] {
      if (auto alive = weak.lock()) alive->context.TryCancel();
    };
  }

  absl::StatusOr<v1::Model> GetModel(
      const CallOptions& options, const v1::GetModelRequest& request) override {
    grpc::ClientContext context;
    Prepare(options, &context);
    v1::Model model;
    const grpc::Status status = stub_->GetModel(&context, request, &model);
    if (!status.ok()) return ToAbsl(status);
    return model;
  }

  absl::StatusOr<v1::ListModelsResponse> ListModels(
      const CallOptions& options) override {
    grpc::ClientContext context;
    Prepare(options, &context);
    v1::ListModelsResponse response;
    const grpc::Status status = stub_->ListModels(&context, {}, &response);
    if (!status.ok()) return ToAbsl(status);
    return response;
  }

  absl::StatusOr<bool> IsServing(const CallOptions& options,
                                 const std::string& service) override {
    grpc::ClientContext context;
    Prepare(options, &context);
    HealthRequest request;
    request.set_value(service);
    HealthResponse response;
    std::promise<grpc::Status> finished;
    health_.UnaryCall(&context, kHealthCheck, grpc::StubOptions(), &request,
                      &response, [&finished](grpc::Status status) {
                        finished.set_value(std::move(status));
                      });
    const grpc::Status status = finished.get_future().get();
    if (!status.ok()) return ToAbsl(status);
    return response.value() == kServing;
  }

 private:
  void Prepare(const CallOptions& options, grpc::ClientContext* context) const {
    context->set_deadline(std::chrono::system_clock::now() +
                          options.timeout.value_or(options_.timeout));
    context->set_wait_for_ready(options.wait_for_ready ||
                                options_.wait_for_ready);
    if (!options_.token.empty()) {
      context->AddMetadata("authorization", "Bearer " + options_.token);
    }
  }

  const ClientOptions options_;
  const std::unique_ptr<v1::EmbeddingService::Stub> stub_;  // Thread-safe.
  grpc::TemplatedGenericStub<HealthRequest, HealthResponse> health_;
};

}  // namespace

std::string ServiceConfig(const ClientOptions& options) {
  std::string retry;
  if (options.max_attempts > 1) {
    retry = absl::StrFormat(
        R"(,"retryPolicy":{"maxAttempts":%d,"initialBackoff":"%.3fs",)"
        R"("maxBackoff":"%.3fs","backoffMultiplier":2,)"
        R"("retryableStatusCodes":["UNAVAILABLE"]})",
        options.max_attempts, options.initial_backoff.count() / 1e3,
        options.max_backoff.count() / 1e3);
  }
  // No healthCheckConfig: it keeps a Watch open, and an open Watch holds up a
  // server that is shutting down.
  return absl::StrCat(
      R"({"loadBalancingConfig":[{"round_robin":{}}],"methodConfig":[{)",
      R"("name":[{"service":"elmo.v1.EmbeddingService"}])", retry, "}]}");
}

std::shared_ptr<EmbedConnection> MakeGrpcConnection(
    const ClientOptions& options,
    std::shared_ptr<grpc::ChannelCredentials> credentials) {
  if (credentials == nullptr) credentials = grpc::InsecureChannelCredentials();
  return std::make_shared<GrpcConnection>(
      options, grpc::CreateCustomChannel(options.target, credentials,
                                         ChannelArguments(options)));
}

}  // namespace elmo
