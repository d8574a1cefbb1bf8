#include "core/layers/merged_lstm_cell.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace elmo {
namespace {

constexpr int kGates = 4;
constexpr int kForget = 2;  // In the order i, j, f, o.

int64_t StateWidth(const LstmOptions& options) {
  return RoundUpToPanel(std::min(options.dim, options.projection_dim));
}

// Source column of each packed gate column: unit u's gate g stands in panel
// 4 * (u / 16) + g, column u % 16. -1 for units that only fill up a panel.
std::vector<int64_t> GateColumns(int64_t units) {
  const int64_t padded = RoundUpToPanel(units);
  std::vector<int64_t> columns(kGates * padded);
  for (int64_t u = 0; u < padded; ++u) {
    for (int64_t g = 0; g < kGates; ++g) {
      const int64_t panel = kGates * (u / kPanel) + g;
      columns[panel * kPanel + u % kPanel] = u < units ? g * units + u : -1;
    }
  }
  return columns;
}

// The forget gate's +1, which weight files do not hold.
std::vector<float> ForgetBias(int64_t units) {
  std::vector<float> extra(kGates * RoundUpToPanel(units));
  for (size_t i = 0; i < extra.size(); ++i) {
    extra[i] = (i / kPanel) % kGates == kForget ? 1 : 0;
  }
  return extra;
}

}  // namespace

MergedLstmCell::MergedLstmCell(const LstmCellWeights& weights,
                               const LstmOptions& options,
                               const Kernels& kernels)
    : LstmCell(StateWidth(options), RoundUpToPanel(options.dim)),
      kernels_(kernels),
      cell_clip_(options.cell_clip),
      proj_clip_(options.proj_clip),
      input_dim_(options.projection_dim) {
  const std::vector<int64_t> columns = GateColumns(options.dim);
  input_ = PackedMatrix(weights.weight.Rows(0, input_dim_), weights.bias,
                        columns, ForgetBias(options.dim));
  recurrent_ = PackedMatrix(weights.weight.Rows(input_dim_, input_dim_), {},
                            columns, {});
  if (options.has_projection()) {
    projection_ = PackedMatrix(weights.projection, {});
  }
}

absl::Status MergedLstmCell::Run(const PackedRows& rows, ConstMatrix input,
                                 Matrix h, Matrix c, LstmScratch* scratch,
                                 Matrix output) const {
  const int64_t gate_columns = input_.padded_columns();
  for (int64_t t = 0; t < rows.steps();) {
    // As many whole steps as fit the chunk, at least one.
    int64_t end = t + 1;
    while (end < rows.steps() &&
           rows.offset(end + 1) - rows.offset(t) <= kChunkRows) {
      ++end;
    }
    const int64_t first = rows.offset(t);
    const int64_t count = rows.offset(end) - first;
    const Matrix gates = scratch->gates.Get(count, gate_columns);
    input_.Multiply(kernels_, input.Rows(first, count).Cols(0, input_dim_),
                    gates);
    for (; t < end; ++t) {
      const int64_t active = rows.rows_at(t);
      if (scratch->between_steps != nullptr) (*scratch->between_steps)();
      RunStep(active, gates.Rows(rows.offset(t) - first, active), h, c,
              scratch);
      for (int64_t r = 0; r < active; ++r) {
        std::memcpy(output.row(rows.offset(t) + r), h.row(r),
                    padded_h() * sizeof(float));
      }
    }
  }
  return absl::OkStatus();
}

void MergedLstmCell::RunStep(int64_t rows, ConstMatrix gates, Matrix h,
                             Matrix c, LstmScratch* scratch) const {
  const Matrix hidden = scratch->hidden.Get(rows, padded_c());
  LstmStepArgs step;
  step.rows = rows;
  step.depth = recurrent_.depth();
  step.units = padded_c();
  step.input_gates = gates.data();
  step.h_prev = h.data();
  step.h_stride = h.stride();
  step.recurrent = recurrent_.data();
  step.cell_clip = cell_clip_;
  step.c = c.data();
  step.hidden = hidden.data();
  step.scratch = scratch->group.Get(rows, kGates * kPanel).data();
  kernels_.lstm_step(step);
  if (projection_.empty()) {
    std::memcpy(h.data(), hidden.data(), rows * padded_h() * sizeof(float));
  } else {
    projection_.Multiply(kernels_, hidden.Cols(0, projection_.depth()),
                         h.Rows(0, rows), proj_clip_);
  }
}

}  // namespace elmo
