#include "server/open_calls.h"

#include <exception>
#include <utility>

#include "grpcpp/grpcpp.h"

namespace elmo {
namespace {

// Lives as long as the call.
class CountedCall final : public grpc::experimental::Interceptor {
 public:
  CountedCall(OpenCalls* calls, std::string peer)
      : calls_(calls), peer_(std::move(peer)) {
    calls_->Began(peer_);
  }
  ~CountedCall() override { calls_->Ended(peer_); }

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }

 private:
  OpenCalls* const calls_;
  const std::string peer_;
};

class Factory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(OpenCalls* calls) : calls_(calls) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    try {
      return new CountedCall(calls_, call->server_context()->peer());
    } catch (const std::exception&) {  // Out of memory: not counted.
      return nullptr;
    }
  }

 private:
  OpenCalls* const calls_;
};

}  // namespace

void OpenCalls::Began(const std::string& peer) {
  MutexLock lock(&mu_);
  ++calls_[peer];
}

void OpenCalls::Ended(const std::string& peer) {
  MutexLock lock(&mu_);
  const auto found = calls_.find(peer);
  if (found != calls_.end() && --found->second == 0) calls_.erase(found);
}

int64_t OpenCalls::Count(const std::string& peer) const {
  MutexLock lock(&mu_);
  const auto found = calls_.find(peer);
  return found == calls_.end() ? 0 : found->second;
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
CountCalls(OpenCalls* calls) {
  return std::make_unique<Factory>(calls);
}

}  // namespace elmo
