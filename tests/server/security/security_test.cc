#include "server/security/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/core/model/temporary_directory.h"
#include "tests/testing/certificate_maker.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class SecurityTest : public ::testing::Test {
 protected:
  SecurityTest() {
    options_.tls_cert = directory_ / "live/tls.crt";
    options_.tls_key = directory_ / "live/tls.key";
    options_.auth_tokens_file = directory_ / "tokens";
    WriteFile(options_.auth_tokens_file, std::string(40, 't'));
    Swap(TestCertificate());
  }

  // As Kubernetes replaces a secret: a new folder, then one rename of the link
  // that the paths go through.
  void Swap(const std::string& chain, const std::string& key) {
    const std::string folder = directory_ / std::to_string(++version_);
    fs::create_directory(folder);
    WriteFile(folder + "/tls.crt", chain);
    WriteFile(folder + "/tls.key", key);
    fs::create_directory_symlink(folder, directory_ / "next");
    fs::rename(directory_ / "next", directory_ / "live");
  }
  void Swap(const TestCertificate& certificate) {
    Swap(certificate.pem(), certificate.key());
  }

  const TemporaryDirectory directory_;
  SecurityOptions options_;
  int version_ = 0;
};

TEST_F(SecurityTest, SwappedLinkIsNoticed) {
  const auto security = Security::Create(options_);
  ASSERT_THAT(security, IsOk());
  EXPECT_THAT((*security)->Reload(), IsOk());
  EXPECT_EQ((*security)->stats().certificate_changes, 0);
  CertificateSpec spec;
  spec.not_after = 48 * 3600;
  Swap(TestCertificate(spec));
  const auto before = (*security)->stats().certificate_expires;
  EXPECT_THAT((*security)->Reload(), IsOk());
  const Security::Stats stats = (*security)->stats();
  EXPECT_EQ(stats.certificate_changes, 1);
  EXPECT_EQ(stats.certificate_failures, 0);
  EXPECT_GT(*stats.certificate_expires, *before + std::chrono::hours(23));
}

TEST(ExpiryWarningTest, IsThereForAWeekBeforeAndForEverAfter) {
  using std::chrono::hours;
  const WallTime expires = WallTime() + hours(24 * 365);
  EXPECT_EQ(ExpiryWarning(expires, expires - hours(8 * 24)), "");
  EXPECT_THAT(ExpiryWarning(expires, expires - hours(6 * 24)),
              HasSubstr("expires soon, at 1971-01-01 00:00:00 UTC"));
  EXPECT_THAT(ExpiryWarning(expires, expires + hours(1)),
              HasSubstr("expired at 1971-01-01 00:00:00 UTC"));
}

TEST_F(SecurityTest, BadPairsStayOutAndAreCounted) {
  const auto security = Security::Create(options_);
  ASSERT_THAT(security, IsOk());
  const auto before = (*security)->certificates()->current();
  const TestCertificate good;
  CertificateSpec old;
  old.not_after = -60;
  const TestCertificate expired(old);
  const std::vector<std::pair<std::string, std::string>> bad = {
      {good.pem(), TestCertificate().key()},
      {expired.pem(), expired.key()},
      {good.pem().substr(0, 200), good.key()},
      {good.pem(), good.key().substr(0, 100)},
      {"garbage", "garbage"},
      {"", ""},
  };
  for (const auto& [chain, key] : bad) {
    Swap(chain, key);
    EXPECT_THAT((*security)->Reload().message(), HasSubstr(options_.tls_cert));
    EXPECT_EQ((*security)->certificates()->current(), before);
  }
  EXPECT_EQ((*security)->stats().certificate_failures, 6);
  Swap(good);
  EXPECT_THAT((*security)->Reload(), IsOk());
  EXPECT_EQ((*security)->certificates()->current()->texts.key, good.key());
}

TEST_F(SecurityTest, EmptiedClientAuthoritiesDoNotOpenTheDoor) {
  options_.tls_client_ca = directory_ / "ca.pem";
  WriteFile(options_.tls_client_ca, TestCertificate().pem());
  const auto security = Security::Create(options_);
  ASSERT_THAT(security, IsOk());
  WriteFile(options_.tls_client_ca, "");
  EXPECT_FALSE((*security)->Reload().ok());
  EXPECT_NE((*security)->certificates()->current()->texts.client_ca, "");
}

TEST_F(SecurityTest, StartWithBadFilesIsAnErrorThatNamesThem) {
  SecurityOptions options = options_;
  options.tls_key = directory_ / "none";
  EXPECT_THAT(Security::Create(options).status().message(),
              HasSubstr(options.tls_key));
  options = options_;
  WriteFile(options.auth_tokens_file, "short");
  EXPECT_THAT(Security::Create(options).status().message(),
              HasSubstr(options.auth_tokens_file));
}

TEST_F(SecurityTest, TokensAreReloadedThoughCertificatesAreBad) {
  const auto security = Security::Create(options_);
  ASSERT_THAT(security, IsOk());
  Swap("", "");
  WriteFile(options_.auth_tokens_file, std::string(40, 'u'));
  EXPECT_FALSE((*security)->Reload().ok());
  EXPECT_EQ((*security)->stats().token_changes, 1);
}

TEST_F(SecurityTest, MayBeReloadedAndReadByManyThreads) {
  const auto security = Security::Create(options_);
  ASSERT_THAT(security, IsOk());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_THAT((*security)->Reload(), IsOk());
        EXPECT_GT((*security)->certificates()->current()->chain_length, 0);
        (void)(*security)->stats();
        (void)(*security)->gate()->Admit({{{":path", "/x/y"}}});
      }
    });
  }
  for (int i = 0; i < 10; ++i) Swap(TestCertificate());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ((*security)->stats().unauthenticated_calls, 80);
}

TEST(SecurityOptionsTest, LocalAddressesAreKnown) {
  for (const char* local : {"127.0.0.1:1", "127.1.2.3:0", "localhost:1",
                            "[::1]:50051", "unix:/run/elmo.sock"}) {
    EXPECT_TRUE(IsLocalAddress(local)) << local;
  }
  for (const char* other :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.example.com:1", "*:1",
        "localhost.example.com:1", "[::ffff:127.0.0.1]:1"}) {
    EXPECT_FALSE(IsLocalAddress(other)) << other;
  }
}

TEST(SecurityOptionsTest, ContradictionsAreErrors) {
  const auto complaint = [](const SecurityOptions& options,
                            const char* listen) {
    return std::string(options.Validate(listen).message());
  };
  constexpr char kAll[] = "[::]:1";
  constexpr char kHere[] = "127.0.0.1:1";
  SecurityOptions options;
  EXPECT_EQ(complaint(options, kAll), "");
  options.tls_cert = "c";
  EXPECT_THAT(complaint(options, kHere), HasSubstr("--tls-key"));
  options = {};
  options.tls_client_ca = "a";
  EXPECT_THAT(complaint(options, kHere), HasSubstr("--tls-client-ca needs"));
  options = {};
  options.auth_tokens_file = "t";
  EXPECT_EQ(complaint(options, kHere), "");
  EXPECT_THAT(complaint(options, kAll), HasSubstr("tokens could be read"));
  options.allow_plaintext_tokens = true;
  EXPECT_EQ(complaint(options, kAll), "");
  options.hardened = true;
  EXPECT_THAT(complaint(options, kAll), HasSubstr("--hardened excludes"));
  options = {};
  options.hardened = true;
  EXPECT_EQ(complaint(options, kHere), "");
  EXPECT_THAT(complaint(options, kAll),
              HasSubstr("--hardened needs --tls-cert"));
  options.tls_cert = options.tls_key = "c";
  EXPECT_THAT(complaint(options, kAll), HasSubstr("or --auth-tokens-file"));
  options.auth_tokens_file = "t";
  EXPECT_EQ(complaint(options, kAll), "");
  options = {};
  options.max_metadata_bytes = 10;
  EXPECT_THAT(complaint(options, kHere),
              HasSubstr("--max-metadata-bytes is 10"));
}

}  // namespace
}  // namespace elmo::testing
