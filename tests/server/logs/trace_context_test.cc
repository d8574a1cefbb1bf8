#include "server/logs/trace_context.h"

#include <gtest/gtest.h>

namespace elmo {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";

TEST(TraceContextTest, ReadsWhatTheSpecificationAllows) {
  const std::string base = kTrace + "-" + kSpan;
  for (const std::string& text : {
           "00-" + base + "-01",
           "00-" + base + "-00",
           "00-" + base + "-ff",       // Flags that we do not know.
           "cc-" + base + "-01",       // A later version,
           "cc-" + base + "-01-",      // which may go on
           "cc-" + base + "-01-what",  // after a dash.
           "01-" + base + "-09",
       }) {
    const auto trace = ParseTraceparent(text);
    ASSERT_TRUE(trace.has_value()) << text;
    EXPECT_EQ(trace->trace_id, kTrace) << text;
    EXPECT_EQ(trace->span_id, kSpan) << text;
  }
}

TEST(TraceContextTest, IgnoresEverythingElse) {
  const std::string base = kTrace + "-" + kSpan;
  const std::string zeros(32, '0');
  std::string upper = "00-" + base + "-01";
  upper[4] = 'A';
  std::string upper_span = "00-" + base + "-01";
  upper_span[36] = 'B';
  std::string with_nul = "00-" + base + "-01";
  with_nul[10] = '\0';
  for (const std::string& text : {
           std::string(),
           std::string("00"),
           std::string("-"),
           base,
           "00-" + base,
           "00-" + base + "-",
           "00-" + base + "-1",
           "00-" + base + "-001",
           "00-" + base + "-01-",      // Version 00 ends there,
           "00-" + base + "-01-what",  // with nothing behind.
           "00-" + base + "-01 ",
           " 00-" + base + "-01",
           "cc-" + base + "-01.what",
           "cc-" + base + "-012",
           "ff-" + base + "-01",  // Forbidden.
           "FF-" + base + "-01",
           "0-" + base + "-01",
           ".0-" + base + "-01",
           "0x-" + base + "-01",
           "00-" + base + "-0x",
           "00-" + base + "-0A",
           "00-" + zeros + "-" + kSpan + "-01",
           "00-" + kTrace + "-" + zeros.substr(0, 16) + "-01",
           "00-" + kTrace.substr(1) + "-" + kSpan + "-01",
           "00-" + kTrace + "0-" + kSpan + "-01",
           "00-" + kTrace.substr(1) + "--" + kSpan + "-01",
           "00-" + kTrace + "-" + kSpan.substr(1) + "--01",
           "00_" + kTrace + "_" + kSpan + "_01",
           upper,
           upper_span,
           with_nul,
           std::string(10000, '0'),
       }) {
    EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace elmo
