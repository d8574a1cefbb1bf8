// elmo-client against a server that wants a certificate and a token.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "tests/client/cli/temp_dir.h"
#include "tests/testing/certificate_maker.h"
#include "tests/testing/test_server.h"

namespace elmo {
namespace {

using ::elmo::testing::CertificateSpec;
using ::elmo::testing::TempDir;
using ::elmo::testing::TestCertificate;
using ::elmo::testing::TestServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kToken(40, 't');

CertificateSpec Named(const std::string& name, bool is_authority = false) {
  CertificateSpec spec;
  spec.name = name;
  spec.is_authority = is_authority;
  return spec;
}

class ClientSecurityTest : public ::testing::Test {
 protected:
  ClientSecurityTest()
      : authority_(Named("authority", true)),
        leaf_(Named("elmo.example"), &authority_),
        caller_(Named("caller"), &authority_) {
    dir_.Write("ca.crt", authority_.pem());
    dir_.Write("caller.crt", caller_.pem());
    dir_.Write("caller.key", caller_.key());
    dir_.Write("token", "# caller\n" + kToken + "\n");
    ServerOptions options = TestServer::Options();
    options.security.tls_cert = dir_.Write("server.crt", leaf_.pem());
    options.security.tls_key = dir_.Write("server.key", leaf_.key());
    options.security.tls_client_ca = dir_.Path("ca.crt");
    options.security.auth_tokens_file = dir_.Write("tokens", kToken);
    server_ = std::make_unique<TestServer>(options);
  }

  // elmo-client with these arguments, run among the files; its exit code.
  int Run(const std::string& arguments) {
    const int status =
        std::system(("cd " + dir_.Path("") +
                     " && echo 'One two.' | " ELMO_CLIENT_DIR "/elmo-client " +
                     arguments + " --timeout 30 --server " +
                     server_->server().address() + " >out 2>err")
                        .c_str());
    return WEXITSTATUS(status);
  }
  std::string Out() { return dir_.Read("out"); }
  std::string Err() { return dir_.Read("err"); }

  const TempDir dir_;
  const TestCertificate authority_;
  const TestCertificate leaf_;
  const TestCertificate caller_;
  std::unique_ptr<TestServer> server_;
};

constexpr char kAll[] =
    " --tls-ca ca.crt --tls-cert caller.crt --tls-key caller.key "
    "--token-file token";

TEST_F(ClientSecurityTest, CertificateAndTokenLetEveryCommandIn) {
  ASSERT_EQ(Run(std::string("info") + kAll), 0) << Err();
  EXPECT_THAT(Out(), HasSubstr("ready"));
  ASSERT_EQ(Run(std::string("embed --pooling mean") + kAll), 0) << Err();
  EXPECT_THAT(Out(), HasSubstr("\"vectors\""));
  ASSERT_EQ(Run(std::string("bench --rate 500 --requests 20") + kAll), 0)
      << Err();
  EXPECT_THAT(Out(), HasSubstr("goodput"));
}

TEST_F(ClientSecurityTest, TheNameInTheCertificateCanBeGiven) {
  EXPECT_EQ(Run(std::string("info --tls-name elmo.example") + kAll), 0)
      << Err();
  EXPECT_EQ(Run(std::string("info --tls-name other.example") + kAll), 1);
  EXPECT_THAT(Err(), HasSubstr("--tls-name"));
}

TEST_F(ClientSecurityTest, WhatIsMissingIsNamedByItsFlag) {
  EXPECT_EQ(Run("info --tls-ca ca.crt --tls-cert caller.crt --tls-key "
                "caller.key"),
            1);
  EXPECT_THAT(Err(), HasSubstr("--token-file"));
  EXPECT_EQ(Run("info --tls-ca caller.crt --tls-cert caller.crt --tls-key "
                "caller.key --token-file token"),
            1);
  EXPECT_THAT(Err(), HasSubstr("--tls-ca"));
  EXPECT_EQ(Run("info --tls-ca absent --token-file token"), 1);
  EXPECT_THAT(Err(), HasSubstr("absent: No such file"));
}

TEST_F(ClientSecurityTest, PlainTextFailsAndNamesTls) {
  EXPECT_EQ(Run("info"), 1);
  EXPECT_THAT(Err(), AllOf(HasSubstr("--tls-ca"), Not(HasSubstr(kToken))));
}

}  // namespace
}  // namespace elmo
