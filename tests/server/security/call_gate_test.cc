#include "server/security/call_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/model/temporary_directory.h"
#include "tests/testing/status_matchers.h"

namespace elmo::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Metadata = std::vector<CallGate::Metadatum>;

constexpr char kEmbed[] = "/elmo.v1.EmbeddingService/Embed";
const std::string kToken(40, 't');

class CallGateTest : public ::testing::Test {
 protected:
  CallGateTest() {
    WriteFile(directory_ / "tokens", kToken);
    tokens_ = *TokenStore::Create(directory_ / "tokens");
  }

  absl::Status Call(const std::string& path, const Metadata& more) {
    Metadata metadata = more;
    metadata.insert(metadata.begin(), {":path", path});
    return CallGate(tokens_, /*max_metadata_bytes=*/1000).Admit(metadata);
  }

  const TemporaryDirectory directory_;
  std::shared_ptr<TokenStore> tokens_;
};

TEST_F(CallGateTest, RightTokenIsLetInHoweverTheSchemeIsSpelt) {
  for (const std::string scheme : {"Bearer ", "bearer ", "BEARER   "}) {
    EXPECT_THAT(Call(kEmbed, {{"authorization", scheme + kToken}}), IsOk());
  }
}

TEST_F(CallGateTest, WithoutTokenTheMessageSaysWhatIsNeeded) {
  const absl::Status status = Call(kEmbed, {{"other", kToken}});
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_THAT(status.message(), HasSubstr("authorization: Bearer TOKEN"));
}

TEST_F(CallGateTest, EverythingElseIsRefusedAndNotRepeated) {
  const std::string right = "Bearer " + kToken;
  const std::string wrong = kToken.substr(1) + "s";
  for (const Metadata& metadata :
       {Metadata{{"authorization", ""}}, Metadata{{"authorization", "Bearer "}},
        Metadata{{"authorization", wrong}}, Metadata{{"authorization", kToken}},
        Metadata{{"authorization", "Basic " + wrong}},
        Metadata{{"authorization", "Bearer " + wrong}},
        Metadata{{"authorization", right}, {"authorization", right}},
        Metadata{{"Authorization", right}}}) {
    const absl::Status status = Call(kEmbed, metadata);
    EXPECT_TRUE(absl::IsUnauthenticated(status));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("tttt")));
  }
}

TEST_F(CallGateTest, OnlyTheHealthServiceIsOpen) {
  EXPECT_THAT(Call("/grpc.health.v1.Health/Check", {}), IsOk());
  EXPECT_THAT(Call("/grpc.health.v1.Health/Watch", {}), IsOk());
  for (const char* path :
       {"/grpc.health.v1.HealthX/Check", "/grpc.health.v1.Health", "/", "",
        "/elmo.v1.EmbeddingService//grpc.health.v1.Health/",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers"}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Call(path, {}))) << path;
  }
}

TEST_F(CallGateTest, WithoutTokenFileEverybodyIsLetIn) {
  CallGate gate(nullptr, 1000);
  EXPECT_THAT(gate.Admit({{{":path", kEmbed}}}), IsOk());
}

TEST_F(CallGateTest, MetadataIsCountedAsHttp2DoesUpToTheLimit) {
  CallGate gate(nullptr, /*max_metadata_bytes=*/100);
  const std::string value(65, 'v');
  EXPECT_THAT(gate.Admit({{{"key", value}}}), IsOk());  // 3 + 65 + 32.
  const absl::Status status = gate.Admit({{{"keys", value}}});
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(status.message(), HasSubstr("101 bytes; limit is 100"));
  EXPECT_EQ(gate.oversized(), 1);
  EXPECT_EQ(gate.unauthenticated(), 0);
}

TEST_F(CallGateTest, RefusedCallsAreCounted) {
  CallGate gate(tokens_, 1000);
  EXPECT_FALSE(gate.Admit({{{":path", kEmbed}}}).ok());
  EXPECT_EQ(gate.unauthenticated(), 1);
}

}  // namespace
}  // namespace elmo::testing
