#include "core/layers/precision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PrecisionTest, NamesAreReadBack) {
  for (Precision precision : kPrecisions) {
    EXPECT_EQ(ParsePrecision(PrecisionName(precision)), precision);
  }
  EXPECT_EQ(ParsePrecision("fp16"), std::nullopt);
}

TEST(PrecisionTest, EveryCpuHasF32) {
  EXPECT_TRUE(CheckCpuFor(Precision::kF32, CpuFeatures{}).ok());
}

TEST(PrecisionTest, RefusalNamesWhatTheCpuLacksAndNothingElse) {
  CpuFeatures cascade_lake;
  cascade_lake.avx512f = cascade_lake.avx512bw = true;
  cascade_lake.avx512_vnni = true;
  EXPECT_TRUE(CheckCpuFor(Precision::kInt8, cascade_lake).ok());
  const absl::Status bf16 = CheckCpuFor(Precision::kBf16, cascade_lake);
  EXPECT_EQ(bf16.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(bf16.message()), HasSubstr("AVX-512 BF16"));
  EXPECT_THAT(std::string(bf16.message()), Not(HasSubstr("AVX-512F")));

  const absl::Status old = CheckCpuFor(Precision::kInt8, CpuFeatures{});
  EXPECT_THAT(std::string(old.message()),
              HasSubstr("AVX-512F, AVX-512BW, AVX-512 VNNI"));
}

}  // namespace
}  // namespace elmo
