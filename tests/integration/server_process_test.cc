// The program elmo-server with a package on disk and the real engine.
#include "tests/integration/server_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "core/engine/elmo_engine.h"
#include "elmo/v1/embedding.grpc.pb.h"
#include "server/float_encoding.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Tokens = std::vector<std::string>;

class ServerProcessTest : public ::testing::Test {
 protected:
  ServerProcessTest() : model_(SmallOptions()), package_(directory_ / "model") {
    PackageContents contents = model_.Contents();
    contents.warm_state = model_.warm_state;
    EXPECT_THAT(WritePackage(contents, package_), IsOk());
  }

  // Starts it on a free port.
  std::unique_ptr<ServerProcess> Start(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(),
                 {"--model", package_, "--listen", "127.0.0.1:0"});
    auto process = std::make_unique<ServerProcess>(std::move(flags));
    address_ = process->WaitUntilServing();
    EXPECT_NE(address_, "") << process->output();
    return process;
  }

  // Runs it to its end.
  static int ExitCode(std::vector<std::string> flags, std::string* output) {
    ServerProcess process(std::move(flags));
    const int code = process.Wait();
    *output = process.output();
    return code;
  }

  v1::EmbedResponse Embed(const v1::EmbedRequest& request) {
    const auto stub = v1::EmbeddingService::NewStub(ChannelTo(address_));
    grpc::ClientContext context;
    v1::EmbedResponse response;
    const grpc::Status status = stub->Embed(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  const TemporaryDirectory directory_;
  const RandomModel model_;
  const std::string package_;
  std::string address_;
};

v1::EmbedRequest RequestOf(const Tokens& tokens) {
  v1::EmbedRequest request;
  v1::Sentence* sentence = request.add_sentences();
  for (const std::string& token : tokens) sentence->add_tokens(token);
  return request;
}

TEST_F(ServerProcessTest, AnswersAreTheEnginesBitsWhateverTheLoad) {
  const auto engine = *ElmoEngine::Create(model_.options, model_.weights(), {});
  const auto workspace = engine->CreateWorkspace();
  const auto process = Start({"--workers=2"});
  std::vector<std::thread> callers;
  std::vector<Tokens> sentences;
  for (int i = 0; i < 40; ++i) {
    sentences.emplace_back(i, "word" + std::to_string(i));
  }
  std::vector<std::string> data(sentences.size());
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      for (size_t i = t; i < sentences.size(); i += 8) {
        data[i] = Embed(RequestOf(sentences[i])).embeddings(0).data();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (size_t i = 0; i < sentences.size(); ++i) {
    const OutputSpec spec;
    const SentenceInput input = {sentences[i], &spec, &model_.warm_state};
    SentenceOutput output;
    ASSERT_THAT(engine->Run({&input, 1}, workspace.get(), {&output, 1}),
                IsOk());
    EXPECT_EQ(data[i], EncodeFloat32(output.values)) << "sentence " << i;
  }
}

TEST_F(ServerProcessTest, AMisspeltVariableIsAWarningAtTheStart) {
  setenv("ELMO_WORKRES", "a value", 1);
  const auto process = Start();
  unsetenv("ELMO_WORKRES");
  EXPECT_THAT(process->output(),
              HasSubstr("warn ELMO_WORKRES in the environment is no option of "
                        "elmo-server"));
  EXPECT_THAT(process->output(), Not(HasSubstr("a value")));
}

TEST_F(ServerProcessTest, DefaultStartIsThePackagesWarmState) {
  const auto process = Start();
  v1::EmbedRequest request = RequestOf({"a", "b"});
  const std::string by_default = Embed(request).embeddings(0).data();
  request.set_start_state(v1::WARM);
  EXPECT_EQ(Embed(request).embeddings(0).data(), by_default);
  request.set_start_state(v1::ZERO);
  EXPECT_NE(Embed(request).embeddings(0).data(), by_default);
}

TEST_F(ServerProcessTest, LargestAnswerThatIsAllowedArrives) {
  const auto process = Start();
  v1::EmbedRequest request;
  for (int i = 0; i < 8; ++i) {
    for (int t = 0; t < 512; ++t) {
      if (t == 0) request.add_sentences();
      request.mutable_sentences(i)->add_tokens("word");
    }
  }
  request.mutable_output()->mutable_layers();
  request.mutable_output()->set_return_tokens(true);
  const v1::EmbedResponse response = Embed(request);
  ASSERT_EQ(response.embeddings_size(), 8);
  EXPECT_EQ(response.embeddings(7).data().size(), 3u * 512 * 8 * 4);
}

TEST_F(ServerProcessTest, SignalUnderLoadLosesNothingAndExits0) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto process = Start({"--workers=2", "--drain-delay=100ms"});
    std::atomic<int> answered{0};
    std::vector<std::future<grpc::Status>> callers;
    for (int c = 0; c < 6; ++c) {
      callers.push_back(std::async(std::launch::async, [&] {
        const auto stub = v1::EmbeddingService::NewStub(ChannelTo(address_));
        for (;;) {
          grpc::ClientContext context;
          v1::EmbedResponse response;
          const grpc::Status status =
              stub->Embed(&context, RequestOf(Tokens(100, "word")), &response);
          if (!status.ok()) return status;
          ++answered;
        }
      }));
    }
    while (answered < 30) std::this_thread::yield();
    process->Signal(signal);
    EXPECT_EQ(process->Wait(), 0) << process->output();
    for (auto& caller : callers) {
      // Refused, or nobody listens any more; a call that was accepted and then
      // lost would see its connection break instead.
      const grpc::Status status = caller.get();
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
      EXPECT_THAT(status.error_message(), Not(HasSubstr("ocket closed")));
      EXPECT_THAT(status.error_message(), Not(HasSubstr("reset")));
    }
  }
}

TEST_F(ServerProcessTest, SecondSignalEndsItAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto process = Start({"--drain-delay=1h"});
    process->Signal(signal);
    const auto channel = ChannelTo(address_);
    while (HealthOf(channel, "readiness") == "SERVING") continue;
    process->Signal(signal);
    EXPECT_EQ(process->Wait(), 128 + signal);
  }
}

TEST_F(ServerProcessTest, PortFileHoldsThePort) {
  const std::string path = directory_ / "port";
  const auto process = Start({"--port-file", path});
  EXPECT_EQ("127.0.0.1:" + ReadFile(path), address_ + "\n");
}

TEST_F(ServerProcessTest, ModelIsServedByTheNameItIsGiven) {
  ServerProcess process(
      {"--model", "news=" + package_, "--listen", "127.0.0.1:0"});
  address_ = process.WaitUntilServing();
  v1::EmbedRequest request = RequestOf({"a"});
  request.set_model("news");
  EXPECT_EQ(Embed(request).model(), "news");
}

TEST_F(ServerProcessTest, TwoModelsAreServedAndTheFirstIsTheDefault) {
  const RandomModel other(SmallOptions(), /*seed=*/2);
  const std::string second = directory_ / "second";
  ASSERT_THAT(WritePackage(other.Contents(), second), IsOk());
  ServerProcess process({"--model", "one=" + package_, "--model",
                         "two=" + second, "--listen", "127.0.0.1:0"});
  address_ = process.WaitUntilServing();
  v1::EmbedRequest request = RequestOf({"a"});
  const v1::EmbedResponse by_default = Embed(request);
  EXPECT_EQ(by_default.model(), "one");
  request.set_model("two");
  const v1::EmbedResponse named = Embed(request);
  EXPECT_EQ(named.model(), "two");
  EXPECT_NE(named.embeddings(0).data(), by_default.embeddings(0).data());
}

TEST_F(ServerProcessTest, SighupLoadsAnewAndDropsNoRequest) {
  const auto process = Start({"--workers=2"});
  const std::string before = Embed(RequestOf({"a"})).model_checksum();
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) Embed(RequestOf({"w", "w", "w"}));  // Fails the test if it
  });                                                 // fails.
  // A package that is damaged changes nothing...
  const std::string weights = package_ + "/model.safetensors";
  const std::string good = ReadFile(weights);
  std::ofstream(weights, std::ios::trunc) << good.substr(0, good.size() / 2);
  process->Signal(SIGHUP);
  while (process->output().find("still serving") == std::string::npos) {
    std::this_thread::yield();
  }
  EXPECT_EQ(Embed(RequestOf({"a"})).model_checksum(), before);
  // ...a good one is served from then on.
  std::filesystem::remove_all(package_);
  const RandomModel other(SmallOptions(), /*seed=*/2);
  ASSERT_THAT(WritePackage(other.Contents(), package_), IsOk());
  process->Signal(SIGHUP);
  while (Embed(RequestOf({"a"})).model_checksum() == before) continue;
  stop = true;
  caller.join();
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait(), 0);
}

TEST_F(ServerProcessTest, BothLstmPathsServe) {
  for (const char* path : {"primitive", "merged"}) {
    const auto process = Start({"--lstm", path, "--word-cache-mb=0"});
    EXPECT_EQ(Embed(RequestOf({"a"})).embeddings(0).data().size(), 32u);
  }
}

TEST_F(ServerProcessTest, LowPrecisionsServeOrSayWhatTheCpuLacks) {
  for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
    const char* name = PrecisionName(precision);
    if (const absl::Status cpu = CheckCpuFor(precision); !cpu.ok()) {
      std::string output;
      EXPECT_EQ(ExitCode({"--model", package_, "--precision", name}, &output),
                1);
      EXPECT_THAT(output, HasSubstr(std::string(cpu.message())));
      continue;
    }
    const auto process = Start({"--precision", name});
    EXPECT_EQ(Embed(RequestOf({"a"})).embeddings(0).data().size(), 32u);
    const auto stub = v1::EmbeddingService::NewStub(ChannelTo(address_));
    grpc::ClientContext context;
    v1::Model model;
    ASSERT_TRUE(stub->GetModel(&context, {}, &model).ok());
    EXPECT_EQ(model.precision(), name);
  }
}

TEST_F(ServerProcessTest, MissingPackageExits1AndNamesIt) {
  std::string output;
  EXPECT_EQ(ExitCode({"--model", directory_ / "absent"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("absent"));
}

TEST_F(ServerProcessTest, DamagedPackageExits1AndNamesTheFile) {
  const std::string file = package_ + "/model.safetensors";
  const std::string intact = ReadFile(file);
  std::string flipped = intact;
  flipped[flipped.size() - 20] ^= 1;
  for (const std::string& damaged :
       {flipped, intact.substr(0, intact.size() - 1), std::string()}) {
    WriteFile(file, damaged);
    std::string output;
    EXPECT_EQ(ExitCode({"--model", package_}, &output), 1);
    EXPECT_THAT(output, HasSubstr("model.safetensors"));
  }
}

TEST_F(ServerProcessTest, PortInUseExits1AndNamesTheAddress) {
  const auto process = Start();
  std::string output;
  EXPECT_EQ(ExitCode({"--model", package_, "--listen", address_}, &output), 1);
  EXPECT_THAT(output, HasSubstr("cannot listen on " + address_));
}

TEST_F(ServerProcessTest, UnwritablePortFileExits1) {
  std::string output;
  EXPECT_EQ(ExitCode({"--model", package_, "--listen", "127.0.0.1:0",
                      "--port-file", directory_ / "no/such/folder"},
                     &output),
            1);
  EXPECT_THAT(output, HasSubstr("port file"));
}

TEST_F(ServerProcessTest, BadFlagExits2) {
  std::string output;
  EXPECT_EQ(ExitCode({"--model", package_, "--workers=none"}, &output), 2);
  EXPECT_THAT(output, HasSubstr("--workers"));
}

TEST_F(ServerProcessTest, LogHoldsNoText) {
  const auto process = Start({"--log-level=debug"});
  const auto channel = ChannelTo(address_);
  v1::EmbedRequest request;
  request.add_sentences()->set_text("secretword " + std::string(40000, 'x'));
  std::string bytes = request.SerializeAsString();
  const std::string method = "/elmo.v1.EmbeddingService/Embed";
  EXPECT_FALSE(RawUnary(channel, method, bytes, nullptr).ok());  // Too long.
  bytes[bytes.size() - 1] = '\xff';
  EXPECT_FALSE(RawUnary(channel, method, bytes, nullptr).ok());  // Not UTF-8.
  Embed(RequestOf({"secretword"}));
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait(), 0);
  EXPECT_THAT(process->output(), Not(HasSubstr("secretword")));
}

}  // namespace
}  // namespace elmo::testing
