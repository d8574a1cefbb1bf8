#ifndef ELMO_TESTS_TESTING_TEST_SERVER_H_
#define ELMO_TESTS_TESTING_TEST_SERVER_H_

#include <memory>
#include <string>

#include "elmo/v1/embedding.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/server.h"
#include "tests/testing/fake_engine.h"

namespace elmo::testing {

// Model "fake" with checksum "c0ffee", warm state on demand; *engine is its
// engine, for the test to steer.
ServedModel FakeModel(FakeEngine** engine, bool has_warm_state = false);

// A server with a FakeEngine on a free port of this machine, and a client of
// it. Ends the test program where it cannot start.
class TestServer {
 public:
  // Port 0, one worker.
  static ServerOptions Options();

  explicit TestServer(const ServerOptions& options = Options());
  ~TestServer();

  FakeEngine& engine() { return *engine_; }
  Server& server() { return *server_; }
  const Server& server() const { return *server_; }
  v1::EmbeddingService::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }
  // A channel with its own connection and without retries.
  std::shared_ptr<grpc::Channel> NewChannel() const;

 private:
  FakeEngine* engine_ = nullptr;  // Owned by server_.
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EmbeddingService::Stub> stub_;
};

// A request for one sentence of these words.
v1::EmbedRequest RequestOf(const std::vector<std::string>& tokens);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_TEST_SERVER_H_
