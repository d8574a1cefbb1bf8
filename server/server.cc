#include "server/server.h"

#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "server/grpc_server.h"
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

ServerMetrics::Limits MetricLimits(const ServerOptions& options) {
  ServerMetrics::Limits limits;
  limits.workers = options.scheduler.workers;
  limits.max_batch_rows = options.scheduler.queue.max_batch_rows;
  limits.max_batch_tokens = options.scheduler.queue.max_batch_tokens;
  limits.max_queued_tokens = options.scheduler.queue.max_queued_tokens;
  limits.max_bytes_in_flight = options.max_bytes_in_flight;
  return limits;
}

ModelFigures FiguresOf(const ServedModel& model) {
  const WordCache::Stats cache = model.engine->word_cache_stats();
  ModelFigures figures;
  figures.name = model.name;
  figures.checksum = model.checksum;
  figures.precision = model.precision;
  figures.isa = model.engine->isa();
  figures.layers = model.engine->options().lstm.num_layers;
  figures.dim = static_cast<int>(model.engine->options().output_dim());
  figures.cache_hits = cache.hits;
  figures.cache_misses = cache.misses;
  figures.cache_words = cache.words;
  figures.cache_bytes = cache.bytes;
  return figures;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(
    const ServerOptions& options, std::vector<ServedModel> models) {
  ELMO_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<Server> server(new Server(options));
  ELMO_RETURN_IF_ERROR(server->ReplaceModels(std::move(models)));
  ELMO_RETURN_IF_ERROR(server->Start());
  return server;
}

Server::Server(const ServerOptions& options)
    : options_(options),
      metrics_(MetricLimits(options)),
      access_log_(options.access_log),
      in_flight_(options.max_bytes_in_flight,
                 options.max_bytes_in_flight_per_connection) {}

Server::~Server() { Shutdown(); }

absl::Status Server::Start() {
  ELMO_ASSIGN_OR_RETURN(security_, Security::Create(options_.security));
  ELMO_ASSIGN_OR_RETURN(tokenizer_, Tokenizer::Create());
  BatchScheduler::Options scheduler_options = options_.scheduler;
  scheduler_options.observer = &metrics_;
  ELMO_ASSIGN_OR_RETURN(scheduler_, BatchScheduler::Create(scheduler_options));
  validator_ = std::make_unique<RequestValidator>(options_.limits, &models_,
                                                  tokenizer_.get());
  EmbedContext context;
  context.validator = validator_.get();
  context.scheduler = scheduler_.get();
  context.in_flight = &in_flight_;
  context.default_deadline = options_.default_deadline;
  context.observers = {&metrics_, &access_log_};
  context.stall.timeout = options_.stall_timeout;
  context.stall.find_connection =
      [this](const std::string& peer) -> std::optional<TcpConnection> {
    const ConnectionAcceptor* const acceptor = connections_.load();
    if (acceptor == nullptr) return std::nullopt;
    return acceptor->Find(peer);
  };
  service_ = std::make_unique<EmbedService>(context, &streams_);
  ELMO_RETURN_IF_ERROR(StartMetrics());
  return Listen();
}

absl::Status Server::StartMetrics() {
  metrics_.SetSampler([this] { return ReadLoad(); });
  if (options_.metrics_listen.empty()) return absl::OkStatus();
  ELMO_ASSIGN_OR_RETURN(
      metrics_endpoint_,
      MetricsEndpoint::Create(options_.metrics_listen, metrics_));
  return absl::OkStatus();
}

LoadFigures Server::ReadLoad() const {
  LoadFigures load;
  load.queued_tokens = scheduler_->queued_tokens();
  load.queued_sentences = scheduler_->queued_sentences();
  load.busy_workers = scheduler_->busy_workers();
  load.bytes_in_flight = in_flight_.bytes();
  const Security::Stats security = security_->stats();
  load.certificate_changes = security.certificate_changes;
  load.certificate_failures = security.certificate_failures;
  load.token_failures = security.token_failures;
  load.unauthenticated_calls = security.unauthenticated_calls;
  load.oversized_metadata_calls = security.oversized_metadata_calls;
  if (security.certificate_expires.has_value()) {
    load.certificate_expiry =
        std::chrono::duration<double>(
            security.certificate_expires->time_since_epoch())
            .count();
  }
  if (ConnectionAcceptor* acceptor = connections_.load()) {
    const ConnectionAcceptor::Stats stats = acceptor->stats();
    load.connections_open = acceptor->connections();
    load.connections_refused = stats.refused;
    load.connections_delayed = stats.delayed;
    load.connections_closed_for_resets = stats.closed_for_resets;
    load.connections_closed_for_frames = stats.closed_for_frames;
  }
  for (const ModelRegistry::Model& model : models_.All()) {
    load.models.push_back(FiguresOf(*model));
  }
  return load;
}

int Server::metrics_port() const {
  return metrics_endpoint_ == nullptr ? 0 : metrics_endpoint_->port();
}

absl::Status Server::ReplaceModels(std::vector<ServedModel> models) {
  std::vector<ModelRegistry::Model> prepared;
  for (ServedModel& model : models) {
    ELMO_ASSIGN_OR_RETURN(
        ModelRegistry::Model ready,
        PrepareModel(std::move(model), options_.scheduler.workers));
    prepared.push_back(std::move(ready));
  }
  return models_.Replace(std::move(prepared));
}

absl::Status Server::Listen() {
  if (!options_.security.probe_listen.empty()) {
    ELMO_ASSIGN_OR_RETURN(probe_,
                          ProbeServer::Start(options_.security.probe_listen));
  }
  ELMO_ASSIGN_OR_RETURN(
      server_, StartGrpcServer(options_, *security_, service_.get(), &port_,
                               &acceptor_));
  connections_ = acceptor_.get();
  health_ = std::make_unique<Health>(
      server_.get(), probe_ == nullptr ? nullptr : probe_->server());
  address_ = options_.listen;
  if (absl::StartsWith(address_, "unix:")) {
    port_ = 0;
  } else {
    address_ =
        absl::StrCat(address_.substr(0, address_.rfind(':')), ":", port_);
  }
  return absl::OkStatus();
}

std::string Server::model_names() const {
  return absl::StrJoin(
      models_.All(), ", ",
      [](std::string* text, const ModelRegistry::Model& model) {
        absl::StrAppend(text, model->name, " (", model->checksum.substr(0, 12),
                        ")");
      });
}

void Server::Shutdown() {
  if (server_ != nullptr) {
    health_->SetReady(false);
    std::this_thread::sleep_for(options_.drain_delay);
    FinishAccepted();
    health_.reset();
    server_.reset();
    probe_.reset();
  }
  // Until here somebody may watch the server drain.
  metrics_endpoint_.reset();
  metrics_.SetSampler(nullptr);
  connections_ = nullptr;
  acceptor_.reset();
  scheduler_.reset();
}

void Server::FinishAccepted() {
  const TimePoint deadline =
      std::chrono::steady_clock::now() + options_.drain_timeout;
  scheduler_->StopAccepting();
  streams_.Drain();
  auto goodbye = std::chrono::system_clock::now();
  if (in_flight_.WaitUntilIdle(deadline)) {
    const TimePoint now = std::chrono::steady_clock::now();
    in_flight_.WaitUntilQuiet(kQuiet, now + kMaxRefusing);
    goodbye = std::chrono::system_clock::now() + kGoodbye;
  } else {
    spdlog::warn("calls still running after the drain timeout are cancelled");
  }
  if (acceptor_ != nullptr) acceptor_->Stop();
  server_->Shutdown(goodbye);
}

}  // namespace elmo
