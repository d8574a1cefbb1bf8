#ifndef ELMO_SERVER_HEALTH_H_
#define ELMO_SERVER_HEALTH_H_

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
  explicit Health(grpc::Server* server);

  void SetReady(bool ready);

 private:
  grpc::Server* const server_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_HEALTH_H_
