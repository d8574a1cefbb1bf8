#include "core/layers/primitive_lstm_cell.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/layers/dnnl_context.h"

namespace elmo {
namespace {

using Memory = dnnl::memory;

constexpr int kGates = 4;
// oneDNN's gates i, f, c~, o in TensorFlow's order i, j, f, o.
constexpr int kSourceGate[kGates] = {0, 2, 1, 3};

// Copies rows of `count` elements into a contiguous array of `rows` rows, the
// missing ones zero.
void Gather(ConstMatrix from, int64_t count, int64_t rows, float* to) {
  for (int64_t r = 0; r < from.rows(); ++r) {
    std::memcpy(to + r * count, from.row(r), count * sizeof(float));
  }
  std::fill(to + from.rows() * count, to + rows * count, 0.0f);
}

}  // namespace

struct PrimitiveLstmCell::StepBuffers {
  StepBuffers(int64_t rows, const LstmOptions& options, LstmScratch* scratch) {
    const int64_t narrow = rows * options.projection_dim;
    const int64_t wide = rows * options.dim;
    x = scratch->step.Get(1, 2 * narrow + 4 * wide).data();
    h = x + narrow;
    c = h + narrow;
    new_c = c + wide;
    hidden = new_c + wide;
    hidden_again = hidden + wide;
  }
  float* x;             // [rows, P]
  float* h;             // [rows, P]
  float* c;             // [rows, H]
  float* new_c;         // [rows, H]
  float* hidden;        // [rows, H]
  float* hidden_again;  // The library writes h twice, as layer and as state.
};

PrimitiveLstmCell::PrimitiveLstmCell(const LstmOptions& options,
                                     const Kernels& kernels)
    : LstmCell(RoundUpToPanel(std::min(options.dim, options.projection_dim)),
               RoundUpToPanel(options.dim)),
      kernels_(kernels),
      options_(options) {}

absl::StatusOr<std::unique_ptr<LstmCell>> PrimitiveLstmCell::Create(
    const LstmCellWeights& weights, const LstmOptions& options,
    const Kernels& kernels) {
  auto cell = std::unique_ptr<PrimitiveLstmCell>(
      new PrimitiveLstmCell(options, kernels));
  try {
    cell->PackWeights(weights);
  } catch (const dnnl::error& e) {
    return absl::InternalError(
        absl::StrCat("oneDNN cannot make the LSTM step: ", e.message));
  }
  return cell;
}

void PrimitiveLstmCell::PackWeights(const LstmCellWeights& weights) {
  const int64_t p = options_.projection_dim, units = options_.dim;
  auto descriptor = LstmStepDescriptor(/*rows=*/1, p, units);
  row_group_ = LstmRowGroup(descriptor);
  // The fallback's layout may depend on the number of rows, which is fixed.
  if (row_group_ != 0) descriptor = LstmStepDescriptor(row_group_, p, units);
  dnnl::stream stream(CpuEngine());
  std::vector<float> plain(p * kGates * units);
  const auto pack = [&](ConstMatrix from, const Memory::desc& layout) {
    for (int64_t k = 0; k < p; ++k) {
      for (int g = 0; g < kGates; ++g) {
        std::memcpy(&plain[(k * kGates + g) * units],
                    from.row(k) + kSourceGate[g] * units,
                    units * sizeof(float));
      }
    }
    Memory source({{1, 1, p, kGates, units},
                   Memory::data_type::f32,
                   Memory::format_tag::ldigo},
                  CpuEngine(), plain.data());
    Memory packed(layout, CpuEngine());
    dnnl::reorder(source, packed).execute(stream, source, packed);
    stream.wait();
    return packed;
  };
  weights_layer_ =
      pack(weights.weight.Rows(0, p), descriptor.weights_layer_desc());
  weights_iter_ =
      pack(weights.weight.Rows(p, p), descriptor.weights_iter_desc());

  bias_ = Memory(descriptor.bias_desc(), CpuEngine());
  float* bias = static_cast<float*>(bias_.get_data_handle());
  for (int g = 0; g < kGates; ++g) {
    for (int64_t u = 0; u < units; ++u) {
      // The forget gate's +1, which weight files do not hold.
      bias[g * units + u] = weights.bias(0, kSourceGate[g] * units + u) +
                            (kSourceGate[g] == 2 ? 1.0f : 0.0f);
    }
  }
  if (options_.has_projection()) {
    projection_ = PackedMatrix(weights.projection, {});
  }
}

const PrimitiveLstmCell::Step& PrimitiveLstmCell::StepFor(int64_t rows) const {
  MutexLock lock(&mu_);
  std::unique_ptr<const Step>& step = steps_[rows];
  if (step == nullptr) {
    auto descriptor =
        LstmStepDescriptor(rows, options_.projection_dim, options_.dim);
    // One packed copy of the weights serves every number of rows.
    if (descriptor.weights_layer_desc() != weights_layer_.get_desc() ||
        descriptor.weights_iter_desc() != weights_iter_.get_desc()) {
      throw dnnl::error(dnnl_unimplemented,
                        "weight layout depends on the number of rows");
    }
    step = std::make_unique<Step>(
        Step{descriptor, dnnl::lstm_forward(descriptor)});
  }
  return *step;
}

absl::Status PrimitiveLstmCell::Run(const PackedRows& rows, ConstMatrix input,
                                    Matrix h, Matrix c, LstmScratch* scratch,
                                    Matrix output) const {
  try {
    RunAll(rows, input, h, c, scratch, output);
  } catch (const dnnl::error& e) {
    return absl::InternalError(
        absl::StrCat("oneDNN could not run the LSTM step: ", e.message));
  }
  return absl::OkStatus();
}

void PrimitiveLstmCell::RunAll(const PackedRows& rows, ConstMatrix input,
                               Matrix h, Matrix c, LstmScratch* scratch,
                               Matrix output) const {
  UseOneThread();
  dnnl::stream stream(CpuEngine());
  for (int64_t t = 0; t < rows.steps(); ++t) {
    if (scratch->between_steps != nullptr) (*scratch->between_steps)();
    const int64_t active = rows.rows_at(t);
    const int64_t group = row_group_ == 0 ? active : row_group_;
    const Matrix hidden = scratch->hidden.Get(active, padded_c());
    for (int64_t first = 0; first < active; first += group) {
      const int64_t valid = std::min(group, active - first);
      RunGroup(group, input.Rows(rows.offset(t) + first, valid),
               h.Rows(first, valid), c.Rows(first, valid),
               hidden.Rows(first, valid), scratch, &stream);
    }
    if (projection_.empty()) {
      std::memcpy(h.data(), hidden.data(), active * padded_h() * sizeof(float));
    } else {
      projection_.Multiply(kernels_, hidden.Cols(0, projection_.depth()),
                           h.Rows(0, active), options_.proj_clip);
    }
    for (int64_t r = 0; r < active; ++r) {
      std::memcpy(output.row(rows.offset(t) + r), h.row(r),
                  padded_h() * sizeof(float));
    }
  }
}

void PrimitiveLstmCell::RunGroup(int64_t rows, ConstMatrix input, ConstMatrix h,
                                 Matrix c, Matrix hidden, LstmScratch* scratch,
                                 dnnl::stream* stream) const {
  const Step& step = StepFor(rows);
  const auto& descriptor = step.descriptor;
  const StepBuffers b(rows, options_, scratch);
  Gather(input, options_.projection_dim, rows, b.x);
  Gather(h, options_.projection_dim, rows, b.h);
  Gather(c, options_.dim, rows, b.c);
  const Memory::desc scratchpad = descriptor.scratchpad_desc();
  const auto memory = [](const Memory::desc& layout, void* data) {
    return Memory(layout, CpuEngine(), data);
  };
  const std::unordered_map<int, Memory> arguments = {
      {DNNL_ARG_SRC_LAYER, memory(descriptor.src_layer_desc(), b.x)},
      {DNNL_ARG_SRC_ITER, memory(descriptor.src_iter_desc(), b.h)},
      {DNNL_ARG_SRC_ITER_C, memory(descriptor.src_iter_c_desc(), b.c)},
      {DNNL_ARG_WEIGHTS_LAYER, weights_layer_},
      {DNNL_ARG_WEIGHTS_ITER, weights_iter_},
      {DNNL_ARG_BIAS, bias_},
      {DNNL_ARG_DST_LAYER, memory(descriptor.dst_layer_desc(), b.hidden)},
      {DNNL_ARG_DST_ITER, memory(descriptor.dst_iter_desc(), b.hidden_again)},
      {DNNL_ARG_DST_ITER_C, memory(descriptor.dst_iter_c_desc(), b.new_c)},
      {DNNL_ARG_SCRATCHPAD,
       memory(scratchpad, scratch->dnnl.Get(scratchpad.get_size()))}};
  step.primitive.execute(*stream, arguments);
  stream->wait();
  ClipAndStore(b, c, hidden);
}

void PrimitiveLstmCell::ClipAndStore(const StepBuffers& buffers, Matrix c,
                                     Matrix hidden) const {
  const float clip = options_.cell_clip;
  const float tanh_clip = std::tanh(clip);
  for (int64_t r = 0; r < c.rows(); ++r) {
    const float* new_c = buffers.new_c + r * options_.dim;
    const float* new_h = buffers.hidden + r * options_.dim;
    float* c_row = c.row(r);
    float* h_row = hidden.row(r);
    std::fill(h_row + options_.dim, h_row + padded_c(), 0.0f);
    for (int64_t u = 0; u < options_.dim; ++u) {
      const float magnitude = std::fabs(new_c[u]);
      const bool clipped = clip > 0 && magnitude > clip;  // A NaN stays.
      c_row[u] = clipped ? std::copysign(clip, new_c[u]) : new_c[u];
      h_row[u] =
          clipped ? new_h[u] * (tanh_clip / std::tanh(magnitude)) : new_h[u];
    }
  }
}

}  // namespace elmo
