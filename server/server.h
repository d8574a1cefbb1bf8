#ifndef ELMO_SERVER_SERVER_H_
#define ELMO_SERVER_SERVER_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"
#include "grpcpp/grpcpp.h"
#include "server/batching/batch_scheduler.h"
#include "server/connection_acceptor.h"
#include "server/embed_service.h"
#include "server/health.h"
#include "server/in_flight.h"
#include "server/logs/access_log.h"
#include "server/metrics/metrics_endpoint.h"
#include "server/metrics/server_metrics.h"
#include "server/model_registry.h"
#include "server/probe_server.h"
#include "server/request_validator.h"
#include "server/security/security.h"
#include "server/server_options.h"

namespace elmo {

// The whole server but for the command line and signals: builds the parts,
// listens, and ends in order.
//
// Thread-compatible: everything that is not const is for one thread.
class Server {
 public:
  // Warms the models up, then listens; it serves when this returns. The first
  // model is the default one. INVALID_ARGUMENT for bad options or two models of
  // one name, UNAVAILABLE where the address cannot be listened on, INTERNAL
  // where a model fails to run.
  static absl::StatusOr<std::unique_ptr<Server>> Create(
      const ServerOptions& options, std::vector<ServedModel> models);

  // Shuts down if that was not done.
  ~Server();

  // As clients may name it, with the port that was bound: "127.0.0.1:50051".
  const std::string& address() const { return address_; }
  // 0 for a unix socket.
  int port() const { return port_; }

  // Of the port for probes; 0 where there is none.
  int probe_port() const { return probe_ == nullptr ? 0 : probe_->port(); }

  // Reload(), which may be called from any thread, and figures.
  Security& security() { return *security_; }

  // Null for a unix socket.
  ConnectionAcceptor* acceptor() { return acceptor_.get(); }
  // Where metrics are served; 0 where they are not.
  int metrics_port() const;

  const BatchScheduler& scheduler() const { return *scheduler_; }
  ServerMetrics& metrics() { return metrics_; }

  // See InFlight.
  int64_t bytes_in_flight() const { return in_flight_.bytes(); }
  // For the log: "news (3f2a...), bio (77c1...)", the default one first.
  std::string model_names() const;

  // Serves these models instead, from the next request on; what runs ends with
  // the model that it began with. On an error the old ones stay. May be called
  // from one other thread, also while Shutdown() runs.
  absl::Status ReplaceModels(std::vector<ServedModel> models);

  // Not ready -> still serving for options.drain_delay -> new calls refused
  // with UNAVAILABLE, those accepted finished, for at most
  // options.drain_timeout -> connections closed; what still runs is cancelled.
  // Returns when no call is left.
  void Shutdown();

 private:
  explicit Server(const ServerOptions& options);

  absl::Status Start();
  absl::Status StartMetrics();
  // For a scrape.
  LoadFigures ReadLoad() const;
  absl::Status Listen();
  void FinishAccepted();

  const ServerOptions options_;
  ServerMetrics metrics_;  // Outlives all that tell it.
  AccessLog access_log_;
  ModelRegistry models_;
  std::unique_ptr<Security> security_;
  std::unique_ptr<Tokenizer> tokenizer_;
  InFlight in_flight_;
  std::unique_ptr<RequestValidator> validator_;
  std::unique_ptr<BatchScheduler> scheduler_;
  EmbedStreams streams_;
  std::unique_ptr<EmbedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;
  // The same for those who read metrics meanwhile; null before there is one.
  std::atomic<ConnectionAcceptor*> connections_{nullptr};
  std::unique_ptr<ProbeServer> probe_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<MetricsEndpoint> metrics_endpoint_;
  std::string address_;
  int port_ = 0;
};

}  // namespace elmo

#endif  // ELMO_SERVER_SERVER_H_
