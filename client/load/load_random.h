#ifndef ELMO_CLIENT_LOAD_LOAD_RANDOM_H_
#define ELMO_CLIENT_LOAD_LOAD_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <random>

namespace elmo {

// Random numbers that a seed fixes on every platform: the sequence of
// mt19937_64 is fixed by the standard, the mappings are our own. For one
// thread.
class LoadRandom {
 public:
  explicit LoadRandom(uint64_t seed) : engine_(seed) {}

  // In [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  // In [0, count); count at least 1.
  uint64_t Below(uint64_t count) {
    return static_cast<uint64_t>(Uniform() * static_cast<double>(count));
  }
  // Mean 1.
  double Exponential() { return -std::log1p(-Uniform()); }
  // Mean 0, variance 1 (Box and Muller; the second value is dropped).
  double Normal() {
    constexpr double kTwoPi = 6.283185307179586;
    const double radius = std::sqrt(2 * Exponential());
    return radius * std::cos(kTwoPi * Uniform());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_LOAD_LOAD_RANDOM_H_
