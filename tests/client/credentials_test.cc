#include "client/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/cli/temp_dir.h"
#include "tests/testing/certificate_maker.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::elmo::testing::TempDir;
using ::elmo::testing::TestCertificate;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CredentialsTest, NoFilesMeanPlainTextWithoutToken) {
  const auto credentials = ReadCredentials({});
  ASSERT_THAT(credentials, IsOk());
  EXPECT_EQ(credentials->channel, nullptr);
  EXPECT_EQ(credentials->token, "");
}

TEST(CredentialsTest, AnyFileOfTlsMeansTls) {
  const TempDir dir;
  const TestCertificate certificate;
  CredentialFiles files;
  files.tls_ca = dir.Write("ca", certificate.pem());
  auto credentials = ReadCredentials(files);
  ASSERT_THAT(credentials, IsOk());
  EXPECT_NE(credentials->channel, nullptr);
  files = {};
  files.tls_cert = dir.Write("crt", certificate.pem());
  files.tls_key = dir.Write("key", certificate.key());
  credentials = ReadCredentials(files);
  ASSERT_THAT(credentials, IsOk());
  EXPECT_NE(credentials->channel, nullptr);
}

TEST(CredentialsTest, WhatIsWrongIsNamedWithItsFile) {
  const TempDir dir;
  const TestCertificate certificate;
  CredentialFiles files;
  files.tls_ca = dir.Path("absent");
  EXPECT_THAT(ReadCredentials(files).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("absent"), HasSubstr("No such file"))));
  files.tls_ca = dir.Write("ca", certificate.key());
  EXPECT_THAT(ReadCredentials(files).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("ca: no CERTIFICATE in PEM")));
  files = {};
  files.tls_cert = dir.Write("crt", certificate.pem());
  EXPECT_THAT(ReadCredentials(files).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("belong together")));
}

TEST(CredentialsTest, TokenIsTheFirstLineThatIsNoComment) {
  const TempDir dir;
  CredentialFiles files;
  files.token = dir.Write("token", "# crawler\n\n  abc-123 \nother\n");
  const auto credentials = ReadCredentials(files);
  ASSERT_THAT(credentials, IsOk());
  EXPECT_EQ(credentials->token, "abc-123");
}

TEST(CredentialsTest, BadTokensAreRefusedAndNotRepeated) {
  const TempDir dir;
  CredentialFiles files;
  files.token = dir.Write("token", "# nothing else\n");
  EXPECT_THAT(ReadCredentials(files).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("token: no token")));
  dir.Write("token", "secret\x01word");
  EXPECT_THAT(ReadCredentials(files).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("blanks"), Not(HasSubstr("secret")))));
}

}  // namespace
}  // namespace elmo
