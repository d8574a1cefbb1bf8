#include "server/server.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "grpc/grpc.h"
#include "server/grpc_server.h"
#include "server/warmup.h"
#include "spdlog/spdlog.h"

namespace elmo {
namespace {

// A call that gRPC took from a connection but has not handed to us yet is not
// counted in flight; it gets this long to appear while shutting down.
constexpr std::chrono::milliseconds kHandOver(200);

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(
    const ServerOptions& options, ServedModel model) {
  ELMO_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<Server> server(new Server(options, std::move(model)));
  ELMO_RETURN_IF_ERROR(server->Start());
  return server;
}

Server::Server(const ServerOptions& options, ServedModel model)
    : options_(options),
      model_(std::move(model)),
      in_flight_(options.max_bytes_in_flight) {}

Server::~Server() { Shutdown(); }

absl::Status Server::Start() {
  ELMO_ASSIGN_OR_RETURN(tokenizer_, Tokenizer::Create());
  ELMO_RETURN_IF_ERROR(WarmUp(*model_.engine, options_.scheduler.queue));
  ELMO_ASSIGN_OR_RETURN(
      scheduler_,
      BatchScheduler::Create(options_.scheduler, model_.engine.get()));
  validator_ = std::make_unique<RequestValidator>(options_.limits, &model_,
                                                  tokenizer_.get());
  EmbedContext context;
  context.validator = validator_.get();
  context.scheduler = scheduler_.get();
  context.in_flight = &in_flight_;
  context.default_deadline = options_.default_deadline;
  service_ = std::make_unique<EmbedService>(context);
  return Listen();
}

absl::Status Server::Listen() {
  ELMO_ASSIGN_OR_RETURN(server_,
                        StartGrpcServer(options_, service_.get(), &port_));
  health_ = std::make_unique<Health>(server_.get());
  address_ = options_.listen;
  if (absl::StartsWith(address_, "unix:")) {
    port_ = 0;
  } else {
    address_ =
        absl::StrCat(address_.substr(0, address_.rfind(':')), ":", port_);
  }
  return absl::OkStatus();
}

void Server::Shutdown() {
  if (server_ != nullptr) {
    health_->SetReady(false);
    std::this_thread::sleep_for(options_.drain_delay);
    StopListening();
    health_.reset();
    server_.reset();
  }
  scheduler_.reset();
}

void Server::StopListening() {
  const TimePoint deadline =
      std::chrono::steady_clock::now() + options_.drain_timeout;
  const std::future<void> stopped = std::async(std::launch::async, [this] {
    server_->Shutdown(std::chrono::system_clock::now() +
                      options_.drain_timeout);
  });
  const auto hand_over = std::min(kHandOver, options_.drain_timeout);
  if (stopped.wait_for(hand_over) == std::future_status::ready) return;
  // An open Watch of the health service would hold Shutdown() until its
  // deadline. When our own calls are over, end such streams.
  if (!in_flight_.WaitUntilIdle(deadline)) {
    spdlog::warn("calls still running after the drain timeout are cancelled");
  }
  grpc_server_cancel_all_calls(server_->c_server());
  stopped.wait();
}

}  // namespace elmo
