#include "core/layers/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/layers/packed_matrix.h"
#include "tests/testing/tiny_model.h"

namespace elmo {
#ifdef ELMO_SIXTEEN_LANES
namespace kernels_sixteen_lanes {
extern const Kernels kKernels;
}
#endif

namespace {

using testing::TestRandom;

constexpr float kEpsilon = 1.1920929e-7f;  // Distance from 1 to the next float.

std::vector<float> RandomValues(TestRandom* random, int64_t size,
                                float scale = 1) {
  std::vector<float> values(size);
  for (float& v : values) v = random->Uniform(scale);
  return values;
}

enum class Variant { kPortable, kAvx2, kAvx512, kSixteenLanes };

const Kernels* KernelsOf(Variant variant) {
  switch (variant) {
    case Variant::kPortable:
      return KernelsFor(Isa::kPortable);
    case Variant::kAvx2:
      return KernelsFor(Isa::kAvx2);
    case Variant::kAvx512:
      return KernelsFor(Isa::kAvx512);
    case Variant::kSixteenLanes:
#ifdef ELMO_SIXTEEN_LANES
      if (KernelsFor(Isa::kAvx2)) return &kernels_sixteen_lanes::kKernels;
#endif
      return nullptr;
  }
  return nullptr;
}

// Every instruction set that this machine has.
class KernelsTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    kernels_ = KernelsOf(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "this CPU does not have it";
  }
  bool fuses() const { return GetParam() != Variant::kPortable; }

  // x -> kernels_->tanh, for any number of values.
  std::vector<float> Tanh(std::vector<float> x) const {
    const size_t size = x.size();
    x.resize(RoundUpToPanel(static_cast<int64_t>(size)));
    kernels_->tanh(x.data(), static_cast<int64_t>(x.size()));
    x.resize(size);
    return x;
  }

  const Kernels* kernels_ = nullptr;
};

// One chain of multiply-adds, k ascending, from the bias: the promise.
float ChainedProduct(const std::vector<float>& a, int64_t row, int64_t depth,
                     const std::vector<float>& b, int64_t col, int64_t cols,
                     float start, bool fused) {
  float sum = start;
  for (int64_t k = 0; k < depth; ++k) {
    const float x = a[row * depth + k], w = b[k * cols + col];
    // volatile: this file's own compiler flags must not fuse the two.
    volatile float product = x * w;
    sum = fused ? std::fma(x, w, sum) : sum + product;
  }
  return sum;
}

TEST_P(KernelsTest, EveryElementOfAProductIsOneChainOfMultiplyAdds) {
  TestRandom random(1);
  // Depths around the block of 512, widths around a panel, rows over a tile.
  for (const auto& [depth, cols] : {std::pair<int64_t, int64_t>{1, 1},
                                    {7, 17},
                                    {511, 16},
                                    {513, 33},
                                    {1025, 65}}) {
    const std::vector<float> weight = RandomValues(&random, depth * cols);
    const std::vector<float> bias = RandomValues(&random, cols);
    const PackedMatrix packed(ConstMatrix(weight.data(), depth, cols),
                              ConstMatrix(bias.data(), 1, cols));
    for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25}) {
      const std::vector<float> a = RandomValues(&random, rows * depth);
      std::vector<float> c(rows * packed.padded_columns(), NAN);
      packed.Multiply(*kernels_, ConstMatrix(a.data(), rows, depth),
                      Matrix(c.data(), rows, packed.padded_columns()));
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t n = 0; n < packed.padded_columns(); ++n) {
          const float want = n < cols ? ChainedProduct(a, r, depth, weight, n,
                                                       cols, bias[n], fuses())
                                      : 0;
          ASSERT_EQ(c[r * packed.padded_columns() + n], want)
              << depth << " deep, " << rows << " rows, at " << r << ", " << n;
        }
      }
    }
  }
}

TEST_P(KernelsTest, ProductIsClippedAtBothEndsAndANanStays) {
  // Two blocks deep: the first block's sum, 512 or -512, must not be clipped.
  const int64_t depth = 600;
  std::vector<float> weight(depth, 1);
  std::fill(weight.begin() + 512, weight.end(), -511.0f / 88);
  const PackedMatrix packed(ConstMatrix(weight.data(), depth, 1), {});
  std::vector<float> a(4 * depth, 0.0f);
  std::fill_n(a.begin(), depth, 1.0f);  // 1
  a[depth] = 9;                         // 9 -> 3
  a[2 * depth] = -9;                    // -9 -> -3
  a[3 * depth] = NAN;
  std::vector<float> c(4 * kPanel);
  packed.Multiply(*kernels_, ConstMatrix(a.data(), 4, depth),
                  Matrix(c.data(), 4, kPanel), /*clip=*/3);
  EXPECT_NEAR(c[0], 1, 0.1);
  EXPECT_EQ(c[kPanel], 3);
  EXPECT_EQ(c[2 * kPanel], -3);
  EXPECT_TRUE(std::isnan(c[3 * kPanel]));
}

// The polynomial and the divisions are each good to about one unit in the last
// place; four together are a generous bound that still catches a wrong digit.
TEST_P(KernelsTest, TanhIsWithinFourUnitsInTheLastPlaceEverywhere) {
  std::vector<float> x = {0.0f, 1e-30f, 1e-8f, 0.62499f, 0.625f,
                          9,    20,     90,    1e30f};
  for (float v = 1e-4f; v < 12; v *= 1.0007f) x.push_back(v);
  const size_t positive = x.size();
  for (size_t i = 0; i < positive; ++i) x.push_back(-x[i]);
  const std::vector<float> got = Tanh(x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = std::tanh(static_cast<double>(x[i]));
    EXPECT_NEAR(got[i], want, 4 * kEpsilon * std::abs(want)) << x[i];
    EXPECT_LE(std::abs(got[i]), 1) << x[i];
  }
}

TEST_P(KernelsTest, TanhKeepsInfinityAndNan) {
  const std::vector<float> got = Tanh({INFINITY, -INFINITY, NAN});
  EXPECT_EQ(got[0], 1);
  EXPECT_EQ(got[1], -1);
  EXPECT_TRUE(std::isnan(got[2]));
}

TEST_P(KernelsTest, HighwayIsTheGatedSumOfItsFormula) {
  TestRandom random(2);
  const int64_t n = 4 * kPanel;
  std::vector<float> carry = RandomValues(&random, n, 30);
  const std::vector<float> transform = RandomValues(&random, n, 3);
  std::vector<float> x = RandomValues(&random, n, 3);
  carry[0] = 200;
  carry[1] = -200;
  const std::vector<float> before = x;
  kernels_->highway(carry.data(), transform.data(), x.data(), n);
  for (int64_t i = 0; i < n; ++i) {
    const double g = 1 / (1 + std::exp(-static_cast<double>(carry[i])));
    const double t = std::max(0.0, static_cast<double>(transform[i]));
    EXPECT_NEAR(x[i], g * t + (1 - g) * before[i], 3 * 8 * kEpsilon) << i;
  }
}

TEST_P(KernelsTest, LstmStepIsTheCellOfTheFormula) {
  TestRandom random(3);
  const int64_t rows = 5, depth = 24, units = 3 * kPanel;
  const float clip = 0.7f;
  const std::vector<float> h = RandomValues(&random, rows * depth);
  const std::vector<float> gates = RandomValues(&random, rows * 4 * units, 3);
  const std::vector<float> recurrent =
      RandomValues(&random, depth * 4 * units, 0.3f);
  const PackedMatrix packed(ConstMatrix(recurrent.data(), depth, 4 * units),
                            {});
  std::vector<float> c = RandomValues(&random, rows * units, clip);
  const std::vector<float> before = c;
  std::vector<float> hidden(rows * units), scratch(rows * 4 * kPanel);
  LstmStepArgs args;
  args.rows = rows;
  args.depth = depth;
  args.end = units;
  args.input_gates = gates.data();
  args.gates_stride = 4 * units;
  args.h_prev = h.data();
  args.h_stride = depth;
  args.recurrent = packed.data();
  args.cell_clip = clip;
  args.c = c.data();
  args.c_stride = units;
  args.hidden = hidden.data();
  args.hidden_stride = units;
  args.scratch = scratch.data();
  kernels_->lstm_step(args);

  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  int64_t clipped = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t u = 0; u < units; ++u) {
      double z[4];
      for (int64_t gate = 0; gate < 4; ++gate) {
        const int64_t column = (4 * (u / kPanel) + gate) * kPanel + u % kPanel;
        z[gate] = gates[r * 4 * units + column];
        for (int64_t k = 0; k < depth; ++k) {
          z[gate] += static_cast<double>(h[r * depth + k]) *
                     recurrent[k * 4 * units + column];
        }
      }
      double want = sigmoid(z[2]) * before[r * units + u] +
                    sigmoid(z[0]) * std::tanh(z[1]);
      clipped += std::abs(want) > clip;
      want = std::clamp<double>(want, -clip, clip);
      // z sums 24 products below 0.3 on top of 3; the gates' slopes are
      // below 1.
      const double tolerance = 32 * kEpsilon * 4;
      EXPECT_NEAR(c[r * units + u], want, tolerance);
      EXPECT_NEAR(hidden[r * units + u], sigmoid(z[3]) * std::tanh(want),
                  tolerance);
    }
  }
  EXPECT_GT(clipped, 0);
}

TEST_P(KernelsTest, LstmStepOfARowDoesNotDependOnTheOthers) {
  TestRandom random(4);
  const int64_t most = 40, depth = 40, units = 2 * kPanel;
  const std::vector<float> h = RandomValues(&random, most * depth);
  const std::vector<float> gates = RandomValues(&random, most * 4 * units);
  const std::vector<float> start = RandomValues(&random, most * units);
  const std::vector<float> weight = RandomValues(&random, depth * 4 * units);
  const PackedMatrix packed(ConstMatrix(weight.data(), depth, 4 * units), {});
  const auto run = [&](int64_t first, int64_t rows) {
    std::vector<float> c(start.begin() + first * units,
                         start.begin() + (first + rows) * units);
    std::vector<float> hidden(rows * units), scratch(rows * 4 * kPanel);
    LstmStepArgs args;
    args.rows = rows;
    args.depth = depth;
    args.end = units;
    args.input_gates = gates.data() + first * 4 * units;
    args.gates_stride = 4 * units;
    args.h_prev = h.data() + first * depth;
    args.h_stride = depth;
    args.recurrent = packed.data();
    args.cell_clip = 0.5f;
    args.c = c.data();
    args.c_stride = units;
    args.hidden = hidden.data();
    args.hidden_stride = units;
    args.scratch = scratch.data();
    kernels_->lstm_step(args);
    hidden.insert(hidden.end(), c.begin(), c.end());
    return hidden;
  };
  std::vector<std::vector<float>> alone;
  for (int64_t r = 0; r < most; ++r) alone.push_back(run(r, 1));
  for (int64_t rows = 2; rows <= most; ++rows) {
    const std::vector<float> together = run(0, rows);
    for (int64_t r = 0; r < rows; ++r) {
      ASSERT_EQ(0, std::memcmp(&together[r * units], alone[r].data(),
                               units * sizeof(float)))
          << "hidden of row " << r << " of " << rows;
      ASSERT_EQ(0, std::memcmp(&together[(rows + r) * units],
                               alone[r].data() + units, units * sizeof(float)))
          << "c of row " << r << " of " << rows;
    }
  }
}

TEST_P(KernelsTest, ProductAndStepAreTheSameInPartsAndBackward) {
  TestRandom random(6);
  const int64_t rows = 3, depth = 24, units = 5 * kPanel;
  const std::vector<float> h = RandomValues(&random, rows * depth);
  const std::vector<float> weight = RandomValues(&random, depth * 4 * units);
  const PackedMatrix packed(ConstMatrix(weight.data(), depth, 4 * units), {});
  const std::vector<float> start = RandomValues(&random, rows * units);
  const ConstMatrix a(h.data(), rows, depth);
  // All of [0, units), cut at `cuts`.
  const auto run = [&](std::vector<int64_t> cuts, bool backward = false) {
    std::vector<float> gates(rows * 4 * units), hidden(rows * units);
    std::vector<float> c = start, scratch(rows * 4 * kPanel);
    const Matrix product(gates.data(), rows, 4 * units);
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      packed.MultiplyPanels(*kernels_, a, product, 4 * cuts[i],
                            4 * cuts[i + 1]);
    }
    LstmStepArgs args;
    args.rows = rows;
    args.depth = depth;
    args.input_gates = gates.data();
    args.gates_stride = 4 * units;
    args.h_prev = h.data();
    args.h_stride = depth;
    args.recurrent = packed.data();
    args.c = c.data();
    args.c_stride = units;
    args.hidden = hidden.data();
    args.hidden_stride = units;
    args.scratch = scratch.data();
    args.backward = backward;
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      args.begin = cuts[i] * kPanel;
      args.end = cuts[i + 1] * kPanel;
      kernels_->lstm_step(args);
    }
    hidden.insert(hidden.end(), c.begin(), c.end());
    hidden.insert(hidden.end(), gates.begin(), gates.end());
    return hidden;
  };
  const std::vector<float> whole = run({0, 5});
  EXPECT_EQ(run({0, 2, 5}), whole);
  EXPECT_EQ(run({0, 1, 2, 3, 4, 5}), whole);
  EXPECT_EQ(run({0, 5}, /*backward=*/true), whole);
  EXPECT_EQ(run({0, 3, 5}, /*backward=*/true), whole);
}

TEST_P(KernelsTest, ConvolutionTakesTheLargestWindowSum) {
  TestRandom random(5);
  const int64_t count = 2 * kPanel, ids = 6;
  for (int64_t width : {1, 2, 5}) {
    const std::vector<float> tables =
        RandomValues(&random, width * ids * count);
    for (int64_t windows : {1, 2, 9}) {
      std::vector<uint16_t> word(windows + width - 1);
      for (uint16_t& id : word) id = static_cast<uint16_t>(random.Below(ids));
      std::vector<float> got(count);
      ConvolutionArgs args;
      args.width = width;
      args.windows = windows;
      args.count = count;
      args.ids = word.data();
      args.tables = tables.data();
      args.num_ids = ids;
      args.out = got.data();
      kernels_->convolution_max(args);
      for (int64_t f = 0; f < count; ++f) {
        float want = -INFINITY;
        for (int64_t p = 0; p < windows; ++p) {
          float sum = 0;
          for (int64_t k = 0; k < width; ++k) {
            sum += tables[(k * ids + word[p + k]) * count + f];
          }
          want = std::max(want, sum);
        }
        ASSERT_EQ(got[f], want) << "width " << width << ", channel " << f;
      }
    }
  }
}

std::string VariantName(const ::testing::TestParamInfo<Variant>& test) {
  switch (test.param) {
    case Variant::kPortable:
      return "Portable";
    case Variant::kAvx2:
      return "Avx2";
    case Variant::kAvx512:
      return "Avx512";
    case Variant::kSixteenLanes:
      return "SixteenLanes";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Isa, KernelsTest,
                         ::testing::Values(Variant::kPortable, Variant::kAvx2,
                                           Variant::kAvx512,
                                           Variant::kSixteenLanes),
                         VariantName);

TEST(PackedMatrixTest, ColumnsCanBeReorderedLeftOutAndBiased) {
  const std::vector<float> weight = {1, 2, 3, 10, 20, 30};
  const std::vector<float> bias = {0.1f, 0.2f, 0.3f};
  const PackedMatrix packed(ConstMatrix(weight.data(), 2, 3),
                            ConstMatrix(bias.data(), 1, 3), {2, -1, 0},
                            {1, 2, 0});
  const std::vector<float> a = {1, 1};
  std::vector<float> c(kPanel);
  packed.Multiply(BestKernels(), ConstMatrix(a.data(), 1, 2),
                  Matrix(c.data(), 1, kPanel));
  EXPECT_FLOAT_EQ(c[0], 34.3f);
  EXPECT_FLOAT_EQ(c[1], 2);
  EXPECT_FLOAT_EQ(c[2], 11.1f);
  EXPECT_EQ(c[3], 0);
}

}  // namespace
}  // namespace elmo
