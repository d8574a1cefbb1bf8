#ifndef ELMO_SERVER_HEALTH_H_
#define ELMO_SERVER_HEALTH_H_

#include <string>

#include "grpcpp/grpcpp.h"

namespace elmo {

// What grpc.health.v1 answers, by name:
//   liveness                   SERVING as long as the process answers at all
//   readiness                  SERVING while new calls are welcome
//   elmo.v1.EmbeddingService   as readiness
//   "" (the server)            as readiness
// Another name is NOT_FOUND. The port is open only while a model is loaded, so
// a server that is not ready yet refuses the connection.
//
// Thread-safe.
class Health {
 public:
  // Every gRPC server built afterwards has the health service.
  static void Enable();

  // Sets all names. `server` must outlive this object.
  // `probe`, which may be null, answers the same.
  explicit Health(grpc::Server* server, grpc::Server* probe = nullptr);

  void SetReady(bool ready);

 private:
  void Set(const std::string& name, bool serving);

  grpc::Server* const server_;
  grpc::Server* const probe_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_HEALTH_H_
