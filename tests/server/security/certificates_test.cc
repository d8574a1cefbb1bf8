#include "server/security/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include "tests/testing/certificate_maker.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using std::chrono::hours;
using std::chrono::system_clock;
using ::testing::HasSubstr;
using ::testing::Not;

CertificateTexts TextsOf(const TestCertificate& certificate) {
  return {certificate.pem(), certificate.key(), ""};
}

absl::StatusOr<CertificateSet> Check(const CertificateTexts& texts) {
  auto set = CheckCertificates(texts, system_clock::now());
  EXPECT_EQ(ERR_peek_error(), 0u) << "left for the next caller of OpenSSL";
  return set;
}

std::string Complaint(const CertificateTexts& texts) {
  const auto set = Check(texts);
  EXPECT_EQ(set.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(set.status().message());
}

TEST(CertificatesTest, GoodPairIsTakenAndItsExpiryKnown) {
  const TestCertificate certificate;
  const auto set = Check(TextsOf(certificate));
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->chain_length, 1);
  const auto left = set->expires - system_clock::now();
  EXPECT_LT(left, hours(24) + std::chrono::seconds(2));
  EXPECT_GT(left, hours(23));
  EXPECT_EQ(set->texts.key, certificate.key());
}

TEST(CertificatesTest, ExpiryIsTheFirstOfTheChain) {
  CertificateSpec authority;
  authority.is_authority = true;
  authority.not_after = 3600;
  const TestCertificate issuer(authority);
  const TestCertificate leaf({}, &issuer);
  CertificateTexts texts = TextsOf(leaf);
  texts.chain += issuer.pem();
  const auto set = Check(texts);
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->chain_length, 2);
  EXPECT_LT(set->expires - system_clock::now(), hours(2));
}

TEST(CertificatesTest, ClientAuthoritiesAreCounted) {
  const TestCertificate certificate;
  CertificateTexts texts = TextsOf(certificate);
  texts.client_ca = certificate.pem() + TestCertificate().pem();
  const auto set = Check(texts);
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->client_authorities, 2);
}

TEST(CertificatesTest, KeyOfAnotherCertificateIsRefused) {
  CertificateTexts texts = TextsOf(TestCertificate());
  texts.key = TestCertificate().key();
  EXPECT_THAT(Complaint(texts), HasSubstr("does not belong"));
}

TEST(CertificatesTest, ExpiredIsRefusedAlsoWithinTheChain) {
  CertificateSpec old;
  old.not_after = -60;
  EXPECT_THAT(Complaint(TextsOf(TestCertificate(old))),
              HasSubstr("number 1 of 1 has expired"));
  CertificateTexts texts = TextsOf(TestCertificate());
  texts.chain += TestCertificate(old).pem();
  EXPECT_THAT(Complaint(texts), HasSubstr("number 2 of 2 has expired"));
}

TEST(CertificatesTest, NotYetValidIsRefused) {
  CertificateSpec early;
  early.not_before = 3600;
  EXPECT_THAT(Complaint(TextsOf(TestCertificate(early))),
              HasSubstr("not valid yet"));
}

TEST(CertificatesTest, CertificateForClientsIsRefused) {
  CertificateSpec client;
  client.for_client_only = true;
  EXPECT_THAT(Complaint(TextsOf(TestCertificate(client))),
              HasSubstr("not made for a server"));
}

TEST(CertificatesTest, KeyThatIsTooShortIsRefused) {
  CertificateSpec weak;
  weak.rsa_bits = 512;
  EXPECT_THAT(Complaint(TextsOf(TestCertificate(weak))),
              HasSubstr("too short"));
}

TEST(CertificatesTest, EncryptedKeyIsRefusedWithoutAskingForThePassword) {
  const TestCertificate certificate;
  EXPECT_THAT(Complaint({certificate.pem(), certificate.EncryptedKey(), ""}),
              HasSubstr("encrypted"));
}

TEST(CertificatesTest, EveryTruncationIsRefused) {
  const TestCertificate certificate;
  const CertificateTexts good = TextsOf(certificate);
  // Without the last line's end all is there.
  for (size_t cut = 2; cut < good.chain.size(); cut += 7) {
    CertificateTexts texts = good;
    texts.chain.resize(good.chain.size() - cut);
    EXPECT_THAT(Complaint(texts), HasSubstr("the certificate")) << cut;
  }
  for (size_t cut = 2; cut < good.key.size(); cut += 7) {
    CertificateTexts texts = good;
    texts.key.resize(good.key.size() - cut);
    EXPECT_THAT(Complaint(texts), HasSubstr("the key")) << cut;
  }
}

TEST(CertificatesTest, TruncatedSecondCertificateIsRefused) {
  CertificateTexts texts = TextsOf(TestCertificate());
  const std::string second = TestCertificate().pem();
  texts.chain += second.substr(0, second.size() / 2);
  EXPECT_THAT(Complaint(texts), HasSubstr("certificate 2 is truncated"));
}

TEST(CertificatesTest, EmptyAndGarbageAreRefused) {
  const CertificateTexts good = TextsOf(TestCertificate());
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("garbage"),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n"
                    "-----END CERTIFICATE-----\n"),
        std::string(1000, '\xff'), good.key + std::string(1, '\0')}) {
    EXPECT_NE(Complaint({bad, good.key, ""}), "");
    EXPECT_NE(Complaint({good.chain, bad, ""}), "");
    if (bad.empty()) continue;  // No client authorities.
    EXPECT_NE(Complaint({good.chain, good.key, bad}), "");
  }
}

TEST(CertificatesTest, NoMessageHoldsAnyOfTheKey) {
  const TestCertificate certificate;
  const std::string part = certificate.key().substr(60, 20);
  for (const CertificateTexts& texts :
       {CertificateTexts{certificate.key(), certificate.key(), ""},
        CertificateTexts{TestCertificate().pem(), certificate.key(), ""},
        CertificateTexts{certificate.pem(), certificate.key(),
                         certificate.key()}}) {
    EXPECT_THAT(Complaint(texts), Not(HasSubstr(part)));
  }
}

}  // namespace
}  // namespace elmo::testing
