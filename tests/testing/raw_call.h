#ifndef ELMO_TESTS_TESTING_RAW_CALL_H_
#define ELMO_TESTS_TESTING_RAW_CALL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace elmo::testing {

// One RPC with bytes instead of messages: what no generated client would send,
// and services whose messages the distribution has no headers for. `method` is
// its path, "/elmo.v1.EmbeddingService/Embed". Single thread only.
class RawCall {
 public:
  // `prepare`, if any, may add metadata before the call begins.
  RawCall(const std::shared_ptr<grpc::Channel>& channel,
          const std::string& method,
          const std::function<void(grpc::ClientContext*)>& prepare = nullptr);
  ~RawCall();

  grpc::ClientContext& context() { return context_; }

  // False when the call is over.
  bool Write(const std::string& bytes);
  bool WritesDone();
  // The next message; nullopt when there is none.
  std::optional<std::string> Read();
  grpc::Status Finish();

 private:
  bool Wait();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

// A unary call; *response may be null.
grpc::Status RawUnary(const std::shared_ptr<grpc::Channel>& channel,
                      const std::string& method, const std::string& request,
                      std::string* response);

// What grpc.health.v1 says about a service: "SERVING", "NOT_SERVING", or the
// status code's number where it is an error.
std::string HealthOf(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& service);
// The bytes of a grpc.health.v1.HealthCheckRequest, and the status in a
// response.
std::string HealthRequest(const std::string& service);
std::string HealthStatus(const std::string& response);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_RAW_CALL_H_
