#include "server/grpc_status.h"

#include <algorithm>
#include <string>

namespace elmo {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

void AddRetryPushback(std::chrono::nanoseconds retry_after,
                      grpc::ServerContextBase* context) {
  using std::chrono::milliseconds;
  const auto pushback =
      std::clamp(std::chrono::duration_cast<milliseconds>(retry_after),
                 milliseconds(50), milliseconds(10000));
  context->AddTrailingMetadata("grpc-retry-pushback-ms",
                               std::to_string(pushback.count()));
}

}  // namespace elmo
