#ifndef ELMO_SERVER_PROBE_SERVER_H_
#define ELMO_SERVER_PROBE_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"

namespace elmo {

// A second port without encryption and without tokens, for probes that know
// neither (Kubernetes' own): grpc.health.v1 and nothing else. Its limits are
// small: it is for a few callers with a few bytes.
class ProbeServer {
 public:
  // UNAVAILABLE where it cannot listen on `address`; port 0 finds a free one.
  static absl::StatusOr<std::unique_ptr<ProbeServer>> Start(
      const std::string& address);

  // For Health to tell the state.
  grpc::Server* server() { return server_.get(); }
  int port() const { return port_; }

 private:
  ProbeServer() = default;

  // Refuses every method: gRPC wants a service besides its own.
  grpc::CallbackGenericService nothing_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;  // Last: ends before its service.
};

}  // namespace elmo

#endif  // ELMO_SERVER_PROBE_SERVER_H_
