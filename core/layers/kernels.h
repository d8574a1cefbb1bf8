#ifndef ELMO_CORE_LAYERS_KERNELS_H_
#define ELMO_CORE_LAYERS_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace elmo {

// The inner loops, compiled once per instruction set from one source
// (kernels_impl.inc). Weights are packed in panels of kPanel columns, so every
// row of a result that kernels write has a multiple of kPanel elements.
//
// Same bits: an element of a product is one chain of fused multiply-adds, k
// ascending, on top of its start value. The chain does not depend on the number
// of rows, the row's position or the blocking, so neither does the result. The
// AVX2 and AVX-512 kernels give the same bits as each other too; the portable
// ones, compiled for CPUs without fused multiply-add, do not.

constexpr int64_t kPanel = 16;  // One AVX-512 register, two AVX2 registers.

constexpr int64_t RoundUpToPanel(int64_t n) {
  return (n + kPanel - 1) / kPanel * kPanel;
}

// c[r, :] = start[r, :] + a[r, :] @ b, for `rows` rows; all row-major.
struct GemmArgs {
  int64_t rows = 0;
  int64_t depth = 0;   // K
  int64_t panels = 0;  // N / kPanel, rounded up
  const float* a = nullptr;
  int64_t a_stride = 0;
  const float* b = nullptr;      // PackedMatrix::data()
  const float* start = nullptr;  // May be `c` itself; null: zeros.
  int64_t start_stride = 0;      // 0: one row for all, such as a bias.
  float* c = nullptr;
  int64_t c_stride = 0;
  // > 0: the result is clipped to [-clip, clip]; a NaN stays.
  float clip = 0;
};

// One time step of an LSTM cell:
//   z = input_gates + h_prev @ recurrent         gates i, j (candidate), f, o
//   c = clip(sigmoid(f) * c + sigmoid(i) * tanh(j))
//   hidden = sigmoid(o) * tanh(c)
// Unit u's gates stand in panels 4 * (u / 16) + gate, column u % 16.
struct LstmStepArgs {
  int64_t rows = 0;
  int64_t depth = 0;  // Width of h_prev.
  // The units to compute, multiples of kPanel.
  int64_t begin = 0;
  int64_t end = 0;
  bool backward = false;               // The last unit first.
  const float* input_gates = nullptr;  // [rows, 4 * units]
  int64_t gates_stride = 0;
  const float* h_prev = nullptr;  // [rows, depth]
  int64_t h_stride = 0;
  const float* recurrent = nullptr;  // Packed [depth, 4 * units]
  float cell_clip = 0;               // 0: no clip.
  float* c = nullptr;                // [rows, units], in and out
  int64_t c_stride = 0;
  float* hidden = nullptr;  // [rows, units], out
  int64_t hidden_stride = 0;
  float* scratch = nullptr;  // [rows, 4 * kPanel]
};

// The character convolution of one word by table: each window's sum of `width`
// table rows, then the maximum over the windows.
struct ConvolutionArgs {
  int64_t width = 0;
  int64_t windows = 0;            // At least 1.
  int64_t count = 0;              // Channels, rounded up to kPanel.
  const uint16_t* ids = nullptr;  // [windows + width - 1]
  const float* tables = nullptr;  // [width, num_ids, count]
  int64_t num_ids = 0;
  float* out = nullptr;  // [count]
};

enum class Isa { kPortable, kAvx2, kAvx512 };

struct Kernels {
  Isa isa;
  const char* name;
  void (*gemm)(const GemmArgs& args);
  void (*lstm_step)(const LstmStepArgs& args);
  void (*convolution_max)(const ConvolutionArgs& args);
  // Element by element over n values, n a multiple of kPanel.
  //   x = tanh(x); x = max(x, 0)
  void (*tanh)(float* x, int64_t n);
  void (*relu)(float* x, int64_t n);
  //   x = g * relu(t) + (1 - g) * x, g = sigmoid(carry)
  void (*highway)(const float* carry, const float* transform, float* x,
                  int64_t n);
};

// The kernels for `isa`; null where the CPU or the build lacks it.
const Kernels* KernelsFor(Isa isa);

// The fastest that this CPU runs.
const Kernels& BestKernels();

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_KERNELS_H_
