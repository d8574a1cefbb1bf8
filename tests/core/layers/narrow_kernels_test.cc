// The kernels of bf16 and int8 against sums in double of the very factors that
// they multiply, and against themselves in other company.

#include "core/layers/narrow_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/layers/packed_narrow_matrix.h"
#include "core/model/float_formats.h"
#include "tests/testing/tiny_model.h"

namespace elmo {
namespace {

using testing::TestRandom;

constexpr double kHalfUnit = 0x1p-24;  // Rounding of one f32 operation.

std::vector<float> RandomValues(TestRandom* random, int64_t size,
                                float scale = 1) {
  std::vector<float> values(size);
  for (float& v : values) v = random->Uniform(scale);
  return values;
}

std::string Name(const ::testing::TestParamInfo<Precision>& info) {
  return info.param == Precision::kBf16 ? "Bf16" : "Int8";
}

class NarrowKernelsTest : public ::testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    if (const absl::Status cpu = CheckCpuFor(GetParam()); !cpu.ok()) {
      GTEST_SKIP() << cpu;
    }
    kernels_ = &NarrowKernelsFor(GetParam());
  }
  bool bf16() const { return GetParam() == Precision::kBf16; }

  // What a left factor's row stands for.
  std::vector<double> Wide(const NarrowRows& rows, int64_t row,
                           int64_t depth) const {
    const uint32_t* words = rows.data() + row * rows.stride();
    std::vector<double> values(depth);
    for (int64_t k = 0; k < depth; ++k) {
      if (bf16()) {
        uint16_t bits;
        std::memcpy(&bits, reinterpret_cast<const char*>(words) + 2 * k, 2);
        values[k] = BFloat16ToFloat(bits);
      } else {
        const int step = reinterpret_cast<const uint8_t*>(words)[k] - 128;
        values[k] = step * static_cast<double>(rows.scales()[row]);
      }
    }
    return values;
  }

  // Likewise a weight, from how PackedNarrowMatrix documents its rounding.
  std::vector<double> WideColumn(const std::vector<float>& weight,
                                 int64_t depth, int64_t cols,
                                 int64_t column) const {
    std::vector<double> values(depth);
    float largest = 0;
    for (int64_t k = 0; k < depth; ++k) {
      largest = std::max(largest, std::fabs(weight[k * cols + column]));
    }
    for (int64_t k = 0; k < depth; ++k) {
      const float w = weight[k * cols + column];
      values[k] = bf16()
                      ? BFloat16ToFloat(FloatToBFloat16(w))
                      : std::round(w / largest * 127) * double{largest} / 127;
    }
    return values;
  }

  NarrowRows Narrowed(const std::vector<float>& x, int64_t rows,
                      NarrowBound bound = 0) const {
    const int64_t depth = static_cast<int64_t>(x.size()) / rows;
    NarrowRows narrow;
    narrow.Resize(GetParam(), rows, depth);
    narrow.Fill(*kernels_, ConstMatrix(x.data(), rows, depth), bound);
    return narrow;
  }

  const NarrowKernels* kernels_ = nullptr;
};

TEST_P(NarrowKernelsTest, ARowIsNarrowedToTheNearestAndItsEndIsZero) {
  TestRandom random(1);
  for (const int64_t n : {1, 3, 15, 16, 17, 64, 65, 511}) {
    std::vector<float> x = RandomValues(&random, n, 3);
    x[0] = 2.5f;  // A row of nothing but small values has another scale.
    for (const NarrowBound bound : {0.0f, 3.0f}) {
      const NarrowRows narrow = Narrowed(x, 1, bound);
      const int64_t values = narrow.stride() * (bf16() ? 2 : 4);
      const std::vector<double> wide = Wide(narrow, 0, values);
      double largest = bound;
      for (float v : x) {
        if (bound == 0) largest = std::max(largest, std::fabs(double{v}));
      }
      for (int64_t k = 0; k < values; ++k) {
        const double want = k < n ? x[k] : 0;
        // Half of the last of bfloat16's 8 bits; half a step of the scale.
        const double error =
            bf16() ? std::fabs(want) * 0x1p-8 : largest / 127 / 2 * (1 + 1e-5);
        ASSERT_NEAR(wide[k], want, error) << n << " values, at " << k;
      }
    }
  }
}

// bf16 has no bound.
class Int8KernelsTest : public NarrowKernelsTest {};

TEST_P(Int8KernelsTest, ValuesBeyondTheBoundTakeItsValue) {
  const NarrowRows narrow = Narrowed({5, -7, 1}, 1, /*bound=*/3);
  const std::vector<double> wide = Wide(narrow, 0, 3);
  EXPECT_NEAR(wide[0], 3, 1e-6);
  EXPECT_NEAR(wide[1], -3, 1e-6);
  EXPECT_NEAR(wide[2], 1, 3.0 / 127 / 2);
}

TEST_P(NarrowKernelsTest, ARowOfZerosStaysOne) {
  const NarrowRows narrow = Narrowed(std::vector<float>(20, 0.0f), 1);
  for (double v : Wide(narrow, 0, 20)) EXPECT_EQ(v, 0);
}

TEST_P(NarrowKernelsTest, AProductIsTheSumOfTheNarrowFactors) {
  TestRandom random(2);
  for (const auto& [depth, cols] : {std::pair<int64_t, int64_t>{1, 1},
                                    {7, 17},
                                    {64, 64},
                                    {511, 33},
                                    {1025, 80}}) {
    const std::vector<float> weight = RandomValues(&random, depth * cols);
    const std::vector<float> bias = RandomValues(&random, cols);
    const PackedNarrowMatrix packed(GetParam(),
                                    ConstMatrix(weight.data(), depth, cols),
                                    ConstMatrix(bias.data(), 1, cols), {}, {});
    const int64_t width = packed.padded_columns();
    for (int64_t rows : {1, 2, 5, 6, 7, 12, 13, 25}) {
      const std::vector<float> x = RandomValues(&random, rows * depth);
      const NarrowRows a = Narrowed(x, rows);
      std::vector<float> c(rows * width, NAN);
      packed.Multiply(*kernels_, a, Matrix(c.data(), rows, width));
      for (int64_t n = 0; n < width; ++n) {
        const std::vector<double> column =
            n < cols ? WideColumn(weight, depth, cols, n)
                     : std::vector<double>(depth, 0);
        for (int64_t r = 0; r < rows; ++r) {
          const std::vector<double> row = Wide(a, r, depth);
          double want = n < cols ? bias[n] : 0, magnitude = std::fabs(want);
          for (int64_t k = 0; k < depth; ++k) {
            want += row[k] * column[k];
            magnitude += std::fabs(row[k] * column[k]);
          }
          // bf16: each of `depth` additions may round. int8: the sum is exact,
          // its two scales, their product and the bias round.
          const double roundings = bf16() ? static_cast<double>(depth + 2) : 8;
          ASSERT_NEAR(c[r * width + n], want, roundings * kHalfUnit * magnitude)
              << depth << " deep, " << rows << " rows, at " << r << ", " << n;
        }
      }
    }
  }
}

TEST_P(NarrowKernelsTest, AProductIsClippedAtBothEnds) {
  const std::vector<float> weight(100, 1);
  const PackedNarrowMatrix packed(
      GetParam(), ConstMatrix(weight.data(), 100, 1), {}, {}, {});
  std::vector<float> x(200, 1);
  std::fill(x.begin() + 100, x.end(), -1.0f);
  const NarrowRows a = Narrowed(x, 2);
  std::vector<float> c(2 * packed.padded_columns());
  packed.Multiply(*kernels_, a, Matrix(c.data(), 2, packed.padded_columns()),
                  /*clip=*/3);
  EXPECT_EQ(c[0], 3);
  EXPECT_EQ(c[packed.padded_columns()], -3);
}

// A step of 48 units for rows that are copies of few different ones.
TEST_P(NarrowKernelsTest, AStepFollowsTheFormulaWhateverTheRows) {
  constexpr int64_t kUnits = 48, kDepth = 37, kKinds = 5, kMostRows = 128;
  constexpr float kClip = 1.5f;
  TestRandom random(3);
  const std::vector<float> weight =
      RandomValues(&random, kDepth * 4 * kUnits, 0.4f);
  const PackedNarrowMatrix recurrent(
      GetParam(), ConstMatrix(weight.data(), kDepth, 4 * kUnits), {}, {}, {});
  const std::vector<float> gates =
      RandomValues(&random, kKinds * 4 * kUnits, 4);
  const std::vector<float> h = RandomValues(&random, kKinds * kDepth, 2);
  const std::vector<float> c = RandomValues(&random, kKinds * kUnits, 1.5f);
  std::vector<float> first_hidden, first_c;
  for (int64_t rows = 1; rows <= kMostRows; ++rows) {
    std::vector<float> in, h_rows, cells;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t kind = r % kKinds;
      const auto add = [&](std::vector<float>* to,
                           const std::vector<float>& from, int64_t width) {
        to->insert(to->end(), from.begin() + kind * width,
                   from.begin() + (kind + 1) * width);
      };
      add(&in, gates, 4 * kUnits);
      add(&h_rows, h, kDepth);
      add(&cells, c, kUnits);
    }
    const NarrowRows h_prev = Narrowed(h_rows, rows, /*bound=*/2);
    NarrowRows hidden;
    hidden.Resize(GetParam(), rows, kUnits);
    hidden.SetScale(1.0f / 127);
    std::vector<float> wide(rows * kUnits), scratch(rows * 64);
    NarrowStepArgs step;
    step.rows = rows;
    step.input_gates = in.data();
    step.gates_stride = 4 * kUnits;
    step.words = recurrent.words();
    step.h_prev = h_prev.data();
    step.h_stride = h_prev.stride();
    step.recurrent = recurrent.data();
    step.scales = recurrent.scales(h_prev.scales());
    step.cell_clip = kClip;
    step.c = cells.data();
    step.c_stride = kUnits;
    step.hidden = hidden.data();
    step.hidden_stride = hidden.stride();
    step.wide_hidden = wide.data();
    step.wide_stride = kUnits;
    step.scratch = scratch.data();
    // In two parts, as two workers do it.
    step.begin = 0;
    step.end = 16;
    kernels_->lstm_step(step);
    step.backward = rows % 2 == 1;  // Which must not matter.
    step.begin = 16;
    step.end = kUnits;
    kernels_->lstm_step(step);

    if (rows == kKinds) {
      first_hidden = wide;
      first_c = cells;
      for (int64_t r = 0; r < rows; ++r) {
        const std::vector<double> row = Wide(h_prev, r, kDepth);
        for (int64_t u = 0; u < kUnits; ++u) {
          double z[4];
          for (int64_t g = 0; g < 4; ++g) {
            const int64_t column = 4 * 16 * (u / 16) + 16 * g + u % 16;
            const std::vector<double> w =
                WideColumn(weight, kDepth, 4 * kUnits, column);
            z[g] = gates[r * 4 * kUnits + column];
            for (int64_t k = 0; k < kDepth; ++k) z[g] += row[k] * w[k];
          }
          const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
          const double cell =
              std::clamp<double>(sigmoid(z[2]) * c[r * kUnits + u] +
                                     sigmoid(z[0]) * std::tanh(z[1]),
                                 -kClip, kClip);
          // 3e-6 of each of up to five exponentials, and of sums of 40 terms.
          ASSERT_NEAR(cells[r * kUnits + u], cell, 3e-5);
          ASSERT_NEAR(wide[r * kUnits + u], sigmoid(z[3]) * std::tanh(cell),
                      3e-5);
          const double narrow = Wide(hidden, r, kUnits)[u];
          ASSERT_NEAR(narrow, wide[r * kUnits + u], 1 / 127.0);
        }
      }
    }
    if (rows > kKinds) {
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t kind = r % kKinds;
        ASSERT_EQ(0,
                  std::memcmp(&wide[r * kUnits], &first_hidden[kind * kUnits],
                              kUnits * sizeof(float)))
            << rows << " rows, at " << r;
        ASSERT_EQ(0, std::memcmp(&cells[r * kUnits], &first_c[kind * kUnits],
                                 kUnits * sizeof(float)))
            << rows << " rows, at " << r;
      }
    }
  }
}

TEST_P(NarrowKernelsTest, GatesAtTheirEndsAreFinite) {
  constexpr int64_t kUnits = 16;
  const std::vector<float> weight(4 * kUnits, 0);
  const PackedNarrowMatrix recurrent(
      GetParam(), ConstMatrix(weight.data(), 1, 4 * kUnits), {}, {}, {});
  const NarrowRows h = Narrowed({0.0f}, 1);
  NarrowRows hidden;
  hidden.Resize(GetParam(), 1, kUnits);
  for (const float far : {-1e30f, -200.0f, -90.0f, 90.0f, 200.0f, 1e30f}) {
    const std::vector<float> gates(4 * kUnits, far);
    std::vector<float> c(kUnits, 0.5f), wide(kUnits), scratch(64);
    NarrowStepArgs step;
    step.rows = 1;
    step.end = kUnits;
    step.input_gates = gates.data();
    step.gates_stride = 4 * kUnits;
    step.words = recurrent.words();
    step.h_prev = h.data();
    step.h_stride = h.stride();
    step.recurrent = recurrent.data();
    step.scales = recurrent.scales(h.scales());
    step.c = c.data();
    step.c_stride = kUnits;
    step.hidden = hidden.data();
    step.hidden_stride = hidden.stride();
    step.wide_hidden = wide.data();
    step.wide_stride = kUnits;
    step.scratch = scratch.data();
    kernels_->lstm_step(step);
    // All gates open: c = 0.5 + tanh = 1.5; all closed: nothing is left.
    EXPECT_NEAR(c[0], far > 0 ? 1.5 : 0, 1e-5) << far;
    EXPECT_NEAR(wide[0], far > 0 ? std::tanh(1.5) : 0, 1e-5) << far;
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, NarrowKernelsTest,
                         ::testing::Values(Precision::kBf16, Precision::kInt8),
                         Name);
INSTANTIATE_TEST_SUITE_P(Precisions, Int8KernelsTest,
                         ::testing::Values(Precision::kInt8), Name);

}  // namespace
}  // namespace elmo
