#ifndef ELMO_TESTS_TESTING_VECTOR_ERRORS_H_
#define ELMO_TESTS_TESTING_VECTOR_ERRORS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace elmo::testing {

// How far vectors are from those that they should be.
struct VectorErrors {
  // One pair of vectors of `dim` values.
  void Add(const float* exact, const float* got, int64_t dim) {
    double dot = 0, a = 0, b = 0, difference = 0;
    for (int64_t i = 0; i < dim; ++i) {
      const double x = exact[i], y = got[i];
      dot += x * y;
      a += x * x;
      b += y * y;
      difference += (x - y) * (x - y);
    }
    const double cosine = dot / std::sqrt(std::max(a * b, 1e-300));
    ++count;
    cosine_sum += cosine;
    worst_cosine = std::min(worst_cosine, cosine);
    if (cosine < kPoor) ++poor;
    squares += a;
    error_squares += difference;
  }

  double mean_cosine() const { return cosine_sum / count; }
  // Root of the mean square of the errors, over that of the values.
  double relative_rms() const { return std::sqrt(error_squares / squares); }

  static constexpr double kPoor = 0.98;
  int64_t count = 0;
  int64_t poor = 0;  // Pairs with a cosine below kPoor.
  double cosine_sum = 0;
  double worst_cosine = 1;
  double squares = 0;
  double error_squares = 0;
};

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_VECTOR_ERRORS_H_
