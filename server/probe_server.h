#ifndef ELMO_SERVER_PROBE_SERVER_H_
#define ELMO_SERVER_PROBE_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "server/connection_acceptor.h"

namespace elmo {

// A second port without encryption and without tokens, for probes that know
// neither (Kubernetes' own): grpc.health.v1 and nothing else. Its limits are
// small: it is for a few callers with a few bytes.
class ProbeServer {
 public:
  // At a time; more are closed at once.
  static constexpr int kMaxConnections = 64;

  // UNAVAILABLE where it cannot listen on `address`; port 0 finds a free one.
  static absl::StatusOr<std::unique_ptr<ProbeServer>> Start(
      const std::string& address);
  // Cancels what is open: a Watch has no end of its own.
  ~ProbeServer();

  // For Health to tell the state.
  grpc::Server* server() { return server_.get(); }
  int port() const { return acceptor_->port(); }

 private:
  ProbeServer() = default;

  // Refuses every method: gRPC wants a service besides its own.
  grpc::CallbackGenericService nothing_;
  std::unique_ptr<grpc::Server> server_;          // Ends before its service.
  std::unique_ptr<ConnectionAcceptor> acceptor_;  // Last: stops before it.
};

}  // namespace elmo

#endif  // ELMO_SERVER_PROBE_SERVER_H_
