#include "server/grpc_status.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

namespace elmo {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

std::chrono::milliseconds RetryPushback(std::chrono::nanoseconds retry_after) {
  using std::chrono::milliseconds;
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto wait =
      std::clamp(std::chrono::duration_cast<milliseconds>(retry_after),
                 milliseconds(50), milliseconds(10000));
  const auto longest = std::chrono::duration_cast<milliseconds>(
      kMostRetrySpread * std::chrono::duration<double, std::milli>(wait));
  return milliseconds(std::uniform_int_distribution<int64_t>(
      wait.count(), longest.count())(random));
}

void AddRetryPushback(std::chrono::nanoseconds retry_after,
                      grpc::ServerContextBase* context) {
  context->AddTrailingMetadata(
      "grpc-retry-pushback-ms",
      std::to_string(RetryPushback(retry_after).count()));
}

}  // namespace elmo
