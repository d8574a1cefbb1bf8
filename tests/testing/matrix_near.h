#ifndef ELMO_TESTS_TESTING_MATRIX_NEAR_H_
#define ELMO_TESTS_TESTING_MATRIX_NEAR_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace elmo::testing {

// |got - want| <= absolute + relative * |want|.
struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

// A row-major matrix of expected values; `rows` follows from the sizes.
struct WantedMatrix {
  std::vector<double> values;
  int64_t cols = 0;
};

// Empty when every element of `got` is near its counterpart; else what is
// wrong: the sizes, or the element that exceeds its tolerance most, as
// "worst at (17, 203): got 0.18213, want 0.18199, |diff| 1.4e-04 > 2e-05".
// A NaN is near nothing.
std::string DescribeWorst(absl::Span<const double> got,
                          const WantedMatrix& want, Tolerance tolerance);
std::string DescribeWorst(absl::Span<const float> got, const WantedMatrix& want,
                          Tolerance tolerance);

// Empty when both hold the same bytes; else the first element that differs,
// with its bits, and how many differ.
std::string DescribeDifference(absl::Span<const float> got,
                               absl::Span<const float> want);

// EXPECT_THAT(values, MatrixNear(WantedMatrix{...}, Tolerance{1e-6, 1e-5}));
// `values`: a vector of float or double.
MATCHER_P2(MatrixNear, want, tolerance, "is near the wanted matrix") {
  const std::string worst =
      DescribeWorst(absl::MakeConstSpan(arg), want, tolerance);
  *result_listener << worst;
  return worst.empty();
}

// EXPECT_THAT(values, SameBits(other)): vectors of float, compared bit by bit.
// Zeros of different sign differ, equal NaNs do not.
MATCHER_P(SameBits, want, "has the same bits") {
  const std::string difference = DescribeDifference(arg, want);
  *result_listener << difference;
  return difference.empty();
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_MATRIX_NEAR_H_
