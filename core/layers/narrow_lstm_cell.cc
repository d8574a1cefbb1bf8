#include "core/layers/narrow_lstm_cell.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "core/layers/gate_layout.h"

namespace elmo {
namespace {

constexpr int kGates = 4;

// |sigmoid(o) tanh(c)|
float HiddenBound(const LstmOptions& options) {
  return options.cell_clip > 0 ? std::tanh(options.cell_clip) : 1.0f;
}

NarrowBound HBound(const LstmOptions& options) {
  return options.has_projection() ? options.proj_clip : HiddenBound(options);
}

NarrowBound InputBound(const LstmOptions& options, int layer) {
  const int added_up = options.use_skip_connections ? layer : 1;
  return layer == 0 ? 0.0f : HBound(options) * static_cast<float>(added_up);
}

}  // namespace

NarrowLstmCell::NarrowLstmCell(const LstmCellWeights& weights,
                               const LstmOptions& options, Precision precision,
                               int layer)
    : LstmCell(LstmStateWidth(options), RoundUpToPanel(options.dim)),
      kernels_(NarrowKernelsFor(precision)),
      precision_(precision),
      cell_clip_(options.cell_clip),
      proj_clip_(options.proj_clip),
      input_bound_(InputBound(options, layer)),
      h_bound_(HBound(options)),
      hidden_bound_(HiddenBound(options)) {
  const int64_t p = options.projection_dim;
  const std::vector<int64_t> columns = PackedGateColumns(options.dim);
  input_ =
      PackedNarrowMatrix(precision, weights.weight.Rows(0, p), weights.bias,
                         columns, PackedForgetBias(options.dim));
  recurrent_ =
      PackedNarrowMatrix(precision, weights.weight.Rows(p, p), {}, columns, {});
  if (options.has_projection()) {
    projection_ = PackedNarrowMatrix(precision, weights.projection, {}, {}, {});
  }
}

absl::Status NarrowLstmCell::Run(const PackedRows& rows, ConstMatrix input,
                                 Matrix h, Matrix c, LstmScratch* scratch,
                                 Matrix output) const {
  NarrowRows& narrow_h = scratch->narrow_h;
  narrow_h.Resize(precision_, rows.max_rows(), recurrent_.depth());
  narrow_h.Fill(kernels_, h, h_bound_);
  scratch->narrow_hidden.Resize(precision_, rows.max_rows(), padded_c());
  scratch->narrow_hidden.SetScale(hidden_bound_ / kInt8Steps);
  for (int64_t t = 0; t < rows.steps();) {
    const int64_t end = rows.ChunkEnd(t, kChunkRows);
    const int64_t first = rows.offset(t);
    const int64_t count = rows.offset(end) - first;
    scratch->narrow_input.Resize(precision_, count, input_.depth());
    scratch->narrow_input.Fill(kernels_, input.Rows(first, count),
                               input_bound_);
    const Matrix gates =
        scratch->gates.GetApart(count, input_.padded_columns());
    input_.MultiplyTogether(kernels_, scratch->narrow_input, gates,
                            scratch->team);
    for (; t < end; ++t) {
      const int64_t active = rows.rows_at(t);
      if (scratch->between_steps != nullptr) (*scratch->between_steps)();
      // To and fro over the weights, as in MergedLstmCell.
      const bool backward = t % 2 == 1;
      RunStep(active, backward, gates.Rows(rows.offset(t) - first, active), h,
              c, scratch);
      for (int64_t r = 0; r < active; ++r) {
        std::memcpy(output.row(rows.offset(t) + r), h.row(r),
                    padded_h() * sizeof(float));
      }
    }
  }
  return absl::OkStatus();
}

void NarrowLstmCell::RunStep(int64_t rows, bool backward, ConstMatrix gates,
                             Matrix h, Matrix c, LstmScratch* scratch) const {
  NarrowRows& narrow_h = scratch->narrow_h;
  NarrowRows& hidden = scratch->narrow_hidden;
  const Matrix groups =
      scratch->group.Get(MaxMembers(scratch->team), rows * kGates * kPanel);
  const auto part = [&](int member, int64_t begin, int64_t end) {
    NarrowStepArgs step;
    step.rows = rows;
    step.begin = begin * kPanel;
    step.end = end * kPanel;
    step.backward = backward;
    step.input_gates = gates.data();
    step.gates_stride = gates.stride();
    step.words = recurrent_.words();
    step.h_prev = narrow_h.data();
    step.h_stride = narrow_h.stride();
    step.recurrent = recurrent_.data();
    step.scales = recurrent_.scales(narrow_h.scales());
    step.cell_clip = cell_clip_;
    step.c = c.data();
    step.c_stride = c.stride();
    step.hidden = hidden.data();
    step.hidden_stride = hidden.stride();
    step.hidden_bound = hidden_bound_;
    if (projection_.empty()) {
      step.wide_hidden = h.data();
      step.wide_stride = h.stride();
    }
    step.scratch = groups.row(member);
    kernels_.lstm_step(step);
  };
  ParallelFor(scratch->team, padded_c() / kPanel, part);
  if (!projection_.empty()) {
    projection_.MultiplyTogether(kernels_, hidden, h.Rows(0, rows),
                                 scratch->team, proj_clip_);
  }
  narrow_h.Fill(kernels_, h.Rows(0, rows), h_bound_);
}

}  // namespace elmo
