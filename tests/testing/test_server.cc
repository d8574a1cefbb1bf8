#include "tests/testing/test_server.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace elmo::testing {

ServedModel FakeModel(FakeEngine** engine, bool has_warm_state) {
  auto fake = std::make_unique<FakeEngine>();
  *engine = fake.get();
  ServedModel model;
  model.name = "fake";
  model.checksum = "c0ffee";
  model.precision = "f32";
  if (has_warm_state) model.warm_state = LstmState::Zero(fake->options().lstm);
  model.engine = std::move(fake);
  return model;
}

ServerOptions TestServer::Options() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.scheduler.workers = 1;
  return options;
}

TestServer::TestServer(const ServerOptions& options) {
  std::vector<ServedModel> models;
  models.push_back(FakeModel(&engine_));
  auto server = Server::Create(options, std::move(models));
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    std::abort();
  }
  server_ = *std::move(server);
  channel_ = NewChannel();
  stub_ = v1::EmbeddingService::NewStub(channel_);
}

TestServer::~TestServer() { engine_->Unblock(); }

std::shared_ptr<grpc::Channel> TestServer::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(
      server_->address(), grpc::InsecureChannelCredentials(), arguments);
}

v1::EmbedRequest RequestOf(const std::vector<std::string>& tokens) {
  v1::EmbedRequest request;
  v1::Sentence* sentence = request.add_sentences();
  for (const std::string& token : tokens) sentence->add_tokens(token);
  return request;
}

}  // namespace elmo::testing
