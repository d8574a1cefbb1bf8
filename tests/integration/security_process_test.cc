// The program elmo-server: --check, and what its log and its answers never say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "elmo/v1/embedding.grpc.pb.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/integration/server_process.h"
#include "tests/testing/certificate_maker.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEmbed[] = "/elmo.v1.EmbeddingService/Embed";
constexpr char kStream[] = "/elmo.v1.EmbeddingService/EmbedStream";
// Whatever is secret here holds this.
constexpr char kMark[] = "xSECRETx";

class SecurityProcessTest : public ::testing::Test {
 protected:
  SecurityProcessTest()
      : model_(SmallOptions()), package_(directory_ / "model") {
    EXPECT_THAT(WritePackage(model_.Contents(), package_), IsOk());
    WriteFile(tokens_, "# " + std::string(kMark) + "\n" + token_ + "\n");
    WriteFile(certificate_, leaf_.pem());
    WriteFile(key_, leaf_.key());
  }

  int Check(std::vector<std::string> flags, std::string* output) {
    flags.insert(flags.begin(), {"--check", "--listen", "127.0.0.1:0"});
    ServerProcess process(std::move(flags));
    const int code = process.Wait();
    *output = process.output();
    EXPECT_THAT(*output, Not(HasSubstr("serving model")));
    return code;
  }

  const TemporaryDirectory directory_;
  const RandomModel model_;
  const std::string package_;
  const std::string tokens_ = directory_ / "tokens";
  const std::string certificate_ = directory_ / "cert.pem";
  const std::string key_ = directory_ / "key.pem";
  const std::string token_ = std::string(40, 't') + kMark;
  const TestCertificate leaf_;
};

TEST_F(SecurityProcessTest, CheckTellsWhatItFoundAndServesNothing) {
  std::string output;
  EXPECT_EQ(Check({"--model", package_, "--tls-cert", certificate_, "--tls-key",
                   key_, "--auth-tokens-file", tokens_},
                  &output),
            0)
      << output;
  EXPECT_THAT(output,
              AllOf(HasSubstr("configuration: ok"), HasSubstr("security: ok"),
                    HasSubstr("valid until"), HasSubstr("one of 1"),
                    HasSubstr("model " + package_ + ": ok")));
  EXPECT_THAT(output, Not(HasSubstr(kMark)));
}

TEST_F(SecurityProcessTest, CheckGoesOnAfterAFaultAndExits1) {
  std::string output;
  WriteFile(key_, TestCertificate().key());
  EXPECT_EQ(Check({"--model", package_, "--tls-cert", certificate_, "--tls-key",
                   key_},
                  &output),
            1);
  EXPECT_THAT(output, AllOf(HasSubstr("security: FAILED"), HasSubstr(key_),
                            HasSubstr("model " + package_ + ": ok")));
  const std::string weights = package_ + "/model.safetensors";
  std::string damaged = ReadFile(weights);
  damaged[damaged.size() - 1] ^= 1;
  WriteFile(weights, damaged);
  EXPECT_EQ(Check({"--model", package_}, &output), 1);
  EXPECT_THAT(output, AllOf(HasSubstr("security: ok"),
                            HasSubstr("model " + package_ + ": FAILED")));
}

TEST_F(SecurityProcessTest, CheckFindsTwoModelsOfOneName) {
  std::string output;
  EXPECT_EQ(
      Check({"--model", "a=" + package_, "--model", "b=" + package_}, &output),
      0)
      << output;
  EXPECT_EQ(
      Check({"--model", "a=" + package_, "--model", "a=" + package_}, &output),
      1);
  EXPECT_THAT(output, HasSubstr("another model is named a"));
}

TEST_F(SecurityProcessTest, CheckFindsAddressesAndFilesThatAStartWouldNotGet) {
  std::string output;
  const std::vector<std::string> good = {"--model",
                                         package_,
                                         "--metrics-listen",
                                         "127.0.0.1:1",
                                         "--probe-listen",
                                         "unix:" + (directory_ / "probe"),
                                         "--port-file",
                                         directory_ / "port",
                                         "--metrics-port-file",
                                         directory_ / "metrics-port"};
  EXPECT_EQ(Check(good, &output), 0) << output;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "port"));
  const std::string nowhere = directory_ / "nowhere/file";
  // 192.0.2.0/24 is for documentation: nobody's.
  const std::pair<const char*, std::string> faults[] = {
      {"--metrics-listen", "192.0.2.1:0"},
      {"--probe-listen", "192.0.2.1:50052"},
      {"--probe-listen", "unix:" + nowhere},
      {"--probe-listen", "unix:" + (directory_ / std::string(200, 'x'))},
      {"--port-file", nowhere},
      {"--port-file", directory_ / ""},
      {"--metrics-port-file", nowhere},
  };
  for (const auto& [flag, value] : faults) {
    EXPECT_EQ(Check({"--model", package_, flag, value}, &output), 1) << flag;
    EXPECT_THAT(output,
                HasSubstr(std::string(flag) + " " + value + ": FAILED: "));
  }
  ServerProcess process(
      {"--check", "--model", package_, "--listen", "192.0.2.1:5"});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.output(), HasSubstr("--listen 192.0.2.1:5: FAILED: "));
}

TEST_F(SecurityProcessTest, CheckDoesNotMindAPortThatIsTaken) {
  // As on a machine where the server runs, and its new options are tried.
  ServerProcess running({"--model", package_, "--listen", "127.0.0.1:0"});
  const std::string address = running.WaitUntilServing();
  ASSERT_NE(address, "") << running.output();
  ServerProcess process({"--check", "--model", package_, "--listen", address});
  EXPECT_EQ(process.Wait(), 0) << process.output();
}

TEST_F(SecurityProcessTest, CheckExits2AfterAMistakeInTheConfiguration) {
  std::string output;
  WriteFile(directory_ / "config", "modle = /m\n");
  EXPECT_EQ(Check({"--config", directory_ / "config"}, &output), 2);
  EXPECT_THAT(output, HasSubstr("modle"));
}

// Sends a call with the mark wherever a caller can put it, and looks for it in
// the status.
void CallWithMark(const std::string& address, const std::string& method,
                  const std::string& bytes, const std::string& authorization) {
  RawCall call(ChannelTo(address), method, [&](grpc::ClientContext* context) {
    if (!authorization.empty()) {
      context->AddMetadata("authorization", authorization);
    }
    context->AddMetadata("x-request-id", "id-1");  // Is in the log on purpose.
    context->AddMetadata("traceparent", std::string("00-") + kMark);
    context->AddMetadata("x-data-bin", kMark);
  });
  call.Write(bytes);
  call.WritesDone();
  call.Read();
  const grpc::Status status = call.Finish();
  EXPECT_FALSE(status.ok()) << method;
  EXPECT_THAT(status.error_message(), Not(HasSubstr(kMark)));
  EXPECT_THAT(status.error_details(), Not(HasSubstr(kMark)));
}

// Requests with the mark that are refused, one for each reason.
std::vector<std::string> BadRequests() {
  std::vector<std::string> requests = {kMark, std::string("\xff") + kMark};
  v1::EmbedRequest request;
  request.set_model(kMark);
  request.add_sentences()->set_text(kMark);
  // An unknown model is named in the message: names of models are no secrets.
  request.clear_model();
  const auto add = [&](auto change) {
    v1::EmbedRequest bad = request;
    change(&bad);
    requests.push_back(bad.SerializeAsString());
  };
  add([](auto* r) {
    r->mutable_sentences(0)->set_text(kMark + std::string(40000, 'x'));
  });
  add([](auto* r) {
    for (int i = 0; i < 600; ++i) r->mutable_sentences(0)->add_tokens(kMark);
  });
  add([](auto* r) {
    for (int i = 0; i < 100; ++i) r->add_sentences()->set_text(kMark);
  });
  add([](auto* r) { r->mutable_sentences(0)->add_tokens(kMark); });
  add([](auto* r) { r->mutable_output()->mutable_layers()->add_indices(99); });
  add([](auto* r) { r->set_start_state(v1::WARM); });  // There is none.
  requests.push_back(request.SerializeAsString());
  requests.back()[requests.back().size() - 1] = '\xff';  // Not UTF-8.
  return requests;
}

TEST_F(SecurityProcessTest, NothingSecretIsInTheLogOrInAStatus) {
  ServerProcess process({"--model", package_, "--listen", "127.0.0.1:0",
                         "--auth-tokens-file", tokens_, "--log-level", "debug",
                         "--max-metadata-bytes", "4kb"});
  const std::string address = process.WaitUntilServing();
  ASSERT_NE(address, "") << process.output();
  const std::string good = "Bearer " + token_;
  for (const std::string& bytes : BadRequests()) {
    CallWithMark(address, kEmbed, bytes, good);
    CallWithMark(address, kStream, bytes, good);
  }
  for (const std::string& authorization :
       {std::string(), std::string(kMark), "Bearer " + std::string(kMark),
        "Bearer " + token_ + "x", "Basic " + token_, good + " " + kMark}) {
    CallWithMark(address, kEmbed, kMark, authorization);
    CallWithMark(address, kStream, kMark, authorization);
  }
  const std::string long_one = "Bearer " + std::string(5000, 't') + kMark;
  CallWithMark(address, kEmbed, kMark, long_one);
  const std::string longer_one = "Bearer " + std::string(50000, 't') + kMark;
  CallWithMark(address, kEmbed, kMark, longer_one);
  CallWithMark(address, std::string("/elmo.v1.EmbeddingService/") + kMark,
               kMark, good);
  CallWithMark(address, kEmbed, std::string(5 << 20, 'x') + kMark, good);
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("stopped"));
  EXPECT_THAT(process.output(), Not(HasSubstr(kMark)));
  EXPECT_THAT(process.output(), Not(HasSubstr(token_)));
}

}  // namespace
}  // namespace elmo::testing
