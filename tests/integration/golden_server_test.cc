// The original program's vectors through a running server: state carried from
// sentence to sentence, as it does, by EmbedStream's sessions.

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <utility>

#include "core/engine/elmo_engine.h"
#include "server/server.h"
#include "tests/core/engine/engine_testing.h"
#include "tests/testing/golden.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ClientStream =
    grpc::ClientReaderWriter<v1::EmbedRequest, v1::EmbedResponse>;

v1::EmbedRequest SessionRequest(const std::vector<std::string>& tokens,
                                int layer) {
  v1::EmbedRequest request;
  request.set_start_state(v1::SESSION);
  request.mutable_output()->mutable_layers()->add_indices(layer);
  auto* sentence = request.add_sentences();
  for (const std::string& token : tokens) sentence->add_tokens(token);
  return request;
}

std::vector<float> ValuesOf(const v1::EmbedResponse& response) {
  const std::string& data = response.embeddings(0).data();
  std::vector<float> values(data.size() / sizeof(float));
  std::memcpy(values.data(), data.data(), data.size());
  return values;
}

TEST(GoldenServerTest, AllSentencesAgreeThroughThreeSessionsAtOnce) {
  const std::string dir = SharedData("fixtures/allennlp-elmo");
  if (dir.empty()) GTEST_SKIP() << "the shared fixtures are not here";
  auto loaded = LoadGolden(dir);
  ASSERT_THAT(loaded, IsOk());
  const Golden& golden = **loaded;
  const int top = golden.model->options().lstm.num_layers;

  std::vector<ServedModel> models(1);
  models[0].name = "golden";
  models[0].engine = MakeEngine(*golden.model, FastestEngineKinds().back());
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.scheduler.workers = 2;
  auto server = Server::Create(options, std::move(models));
  ASSERT_THAT(server, IsOk());
  const auto stub = v1::EmbeddingService::NewStub(grpc::CreateChannel(
      (*server)->address(), grpc::InsecureChannelCredentials()));

  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<ClientStream>> streams;
  for (int row = 0; row < Golden::kRows; ++row) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub->EmbedStream(contexts.back().get()));
    for (const auto& sentence : golden.sentences[row]) {
      ASSERT_TRUE(streams[row]->Write(SessionRequest(sentence, top)));
    }
    streams[row]->WritesDone();
  }
  for (int row = 0; row < Golden::kRows; ++row) {
    for (int batch = 0; batch < Golden::kBatches; ++batch) {
      v1::EmbedResponse response;
      ASSERT_TRUE(streams[row]->Read(&response));
      EXPECT_THAT(ValuesOf(response),
                  MatrixNear(golden.top_layer[row][batch], kGoldenTolerance))
          << "row " << row << ", batch " << batch;
    }
    EXPECT_TRUE(streams[row]->Finish().ok());
  }
}

}  // namespace
}  // namespace elmo::testing
