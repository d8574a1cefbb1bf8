#include "server/server.h"

#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/grpc_server.h"
#include "server/warmup.h"
#include "spdlog/spdlog.h"

namespace elmo {
namespace {

// Once gRPC's own shutdown has begun it answers calls that come over open
// connections with CANCELLED, which clients do not try again. So new calls are
// refused by us (UNAVAILABLE, with a pushback) until none came for this long...
constexpr std::chrono::milliseconds kQuiet(50);
// ...or this has passed.
constexpr std::chrono::seconds kMaxRefusing(1);
// For calls to other services than ours. A Watch of the health service never
// ends by itself and holds gRPC's shutdown for as long as this.
constexpr std::chrono::milliseconds kGoodbye(200);

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
    FinishAccepted();
    health_.reset();
    server_.reset();
  }
  scheduler_.reset();
}

void Server::FinishAccepted() {
  const TimePoint deadline =
      std::chrono::steady_clock::now() + options_.drain_timeout;
  scheduler_->StopAccepting();
  auto goodbye = std::chrono::system_clock::now();
  if (in_flight_.WaitUntilIdle(deadline)) {
    const TimePoint now = std::chrono::steady_clock::now();
    in_flight_.WaitUntilQuiet(kQuiet, now + kMaxRefusing);
    goodbye = std::chrono::system_clock::now() + kGoodbye;
  } else {
    spdlog::warn("calls still running after the drain timeout are cancelled");
  }
  server_->Shutdown(goodbye);
}

}  // namespace elmo
