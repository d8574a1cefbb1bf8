#ifndef ELMO_CLIENT_EMBED_CONNECTION_H_
#define ELMO_CLIENT_EMBED_CONNECTION_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo {

// What one call may wait for.
struct CallOptions {
  // Until the call fails with DEADLINE_EXCEEDED, retries included. Absent: the
  // connection's default.
  std::optional<std::chrono::milliseconds> timeout;
  // Wait for a server that is not reachable, instead of failing at once.
  bool wait_for_ready = false;
};

// One RPC each, as the server answers it: no splitting, no decoding, no checks.
// EmbedClient is what applications use; this is the seam to replace in their
// tests (tests/testing/mock_connection.h) or to wrap.
//
// Errors are the server's and gRPC's codes. Thread-safe.
class EmbedConnection {
 public:
  using EmbedCallback = std::function<void(absl::StatusOr<v1::EmbedResponse>)>;
  // Asks for an early end: the callback comes soon, with CANCELLED unless an
  // answer was faster. May be called at any time, also after the callback.
  using Cancel = std::function<void()>;

  virtual ~EmbedConnection() = default;

  // Starts a call and returns without waiting. `done` runs exactly once, on any
  // thread, perhaps before this returns; it must not block.
  virtual Cancel AsyncEmbed(const CallOptions& options,
                            std::shared_ptr<const v1::EmbedRequest> request,
                            EmbedCallback done) = 0;

  virtual absl::StatusOr<v1::Model> GetModel(
      const CallOptions& options, const v1::GetModelRequest& request) = 0;

  virtual absl::StatusOr<v1::ListModelsResponse> ListModels(
      const CallOptions& options) = 0;

  // grpc.health.v1 Check: true where `service` is SERVING. NOT_FOUND where the
  // server does not know the name, UNIMPLEMENTED where it has no health
  // service.
  virtual absl::StatusOr<bool> IsServing(const CallOptions& options,
                                         const std::string& service) = 0;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_EMBED_CONNECTION_H_
