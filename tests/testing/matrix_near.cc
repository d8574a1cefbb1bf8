#include "tests/testing/matrix_near.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_format.h"

namespace elmo::testing {
namespace {

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// By how many times the difference exceeds what is allowed; above 1 is wrong.
double Excess(double got, double want, Tolerance tolerance) {
  const double difference = std::fabs(got - want);
  const double allowed =
      tolerance.absolute + tolerance.relative * std::fabs(want);
  if (difference == 0) return 0;
  if (!(difference <= allowed)) {
    // Written so that a NaN, and any difference from 0 allowed, counts.
    const double excess = difference / allowed;
    return std::isfinite(excess) ? std::max(excess, 1.0 + 1e-12) : INFINITY;
  }
  return difference / allowed;
}

template <typename T>
std::string Worst(absl::Span<const T> got, const WantedMatrix& want,
                  Tolerance tolerance) {
  if (got.size() != want.values.size()) {
    return absl::StrFormat("has %d elements, want %d", got.size(),
                           want.values.size());
  }
  double worst_excess = 1;
  size_t worst = got.size();
  for (size_t i = 0; i < got.size(); ++i) {
    const double excess = Excess(got[i], want.values[i], tolerance);
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (worst == got.size()) return "";
  const double wanted = want.values[worst];
  const int64_t cols = std::max<int64_t>(want.cols, 1);
  return absl::StrFormat(
      "worst at (%d, %d): got %.9g, want %.9g, |diff| %.3g > %.3g",
      worst / cols, worst % cols, got[worst], wanted,
      std::fabs(got[worst] - wanted),
      tolerance.absolute + tolerance.relative * std::fabs(wanted));
}

}  // namespace

std::string DescribeWorst(absl::Span<const double> got,
                          const WantedMatrix& want, Tolerance tolerance) {
  return Worst(got, want, tolerance);
}

std::string DescribeWorst(absl::Span<const float> got, const WantedMatrix& want,
                          Tolerance tolerance) {
  return Worst(got, want, tolerance);
}

std::string DescribeDifference(absl::Span<const float> got,
                               absl::Span<const float> want) {
  if (got.size() != want.size()) {
    return absl::StrFormat("has %d elements, want %d", got.size(), want.size());
  }
  size_t different = 0;
  size_t first = 0;
  for (size_t i = got.size(); i-- > 0;) {
    if (Bits(got[i]) == Bits(want[i])) continue;
    ++different;
    first = i;
  }
  if (different == 0) return "";
  return absl::StrFormat(
      "%d of %d elements differ, first at %d: got %.9g (%08x), want %.9g "
      "(%08x)",
      different, got.size(), first, got[first], Bits(got[first]), want[first],
      Bits(want[first]));
}

}  // namespace elmo::testing
