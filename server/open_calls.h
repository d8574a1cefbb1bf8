#ifndef ELMO_SERVER_OPEN_CALLS_H_
#define ELMO_SERVER_OPEN_CALLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "grpcpp/support/server_interceptor.h"

namespace elmo {

// Calls that are open, by connection, from when gRPC tells us of them: their
// headers are complete, and of a unary call the request. gRPC's own counters
// know them from the first byte of their headers on.
//
// Thread-safe.
class OpenCalls {
 public:
  // `peer` is gRPC's name of the connection.
  void Began(const std::string& peer);
  void Ended(const std::string& peer);
  int64_t Count(const std::string& peer) const;

 private:
  mutable Mutex mu_;
  // No zeros.
  std::unordered_map<std::string, int64_t> calls_ ABSL_GUARDED_BY(mu_);
};

// Has a server count its calls of every service. `calls` must outlive it.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
CountCalls(OpenCalls* calls);

}  // namespace elmo

#endif  // ELMO_SERVER_OPEN_CALLS_H_
