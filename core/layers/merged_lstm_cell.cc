#include "core/layers/merged_lstm_cell.h"

#include <cstring>
#include <vector>

#include "core/layers/gate_layout.h"

namespace elmo {
namespace {

constexpr int kGates = 4;

}  // namespace

MergedLstmCell::MergedLstmCell(const LstmCellWeights& weights,
                               const LstmOptions& options,
                               const Kernels& kernels)
    : LstmCell(LstmStateWidth(options), RoundUpToPanel(options.dim)),
      kernels_(kernels),
      cell_clip_(options.cell_clip),
      proj_clip_(options.proj_clip),
      input_dim_(options.projection_dim) {
  const std::vector<int64_t> columns = PackedGateColumns(options.dim);
  input_ = PackedMatrix(weights.weight.Rows(0, input_dim_), weights.bias,
                        columns, PackedForgetBias(options.dim));
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
    const int64_t end = rows.ChunkEnd(t, kChunkRows);
    const int64_t first = rows.offset(t);
    const int64_t count = rows.offset(end) - first;
    const Matrix gates = scratch->gates.GetApart(count, gate_columns);
    input_.MultiplyTogether(kernels_,
                            input.Rows(first, count).Cols(0, input_dim_), gates,
                            scratch->team);
    for (; t < end; ++t) {
      const int64_t active = rows.rows_at(t);
      if (scratch->between_steps != nullptr) (*scratch->between_steps)();
      // To and fro over the weights: what the last step read last is what a
      // cache that is smaller than they are still has.
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

void MergedLstmCell::RunStep(int64_t rows, bool backward, ConstMatrix gates,
                             Matrix h, Matrix c, LstmScratch* scratch) const {
  const Matrix hidden = scratch->hidden.GetApart(rows, padded_c());
  const Matrix groups =
      scratch->group.Get(MaxMembers(scratch->team), rows * kGates * kPanel);
  const auto part = [&](int member, int64_t begin, int64_t end) {
    LstmStepArgs step;
    step.rows = rows;
    step.depth = recurrent_.depth();
    step.begin = begin * kPanel;
    step.end = end * kPanel;
    step.backward = backward;
    step.input_gates = gates.data();
    step.gates_stride = gates.stride();
    step.h_prev = h.data();
    step.h_stride = h.stride();
    step.recurrent = recurrent_.data();
    step.cell_clip = cell_clip_;
    step.c = c.data();
    step.c_stride = c.stride();
    step.hidden = hidden.data();
    step.hidden_stride = hidden.stride();
    step.scratch = groups.row(member);
    kernels_.lstm_step(step);
  };
  ParallelFor(scratch->team, padded_c() / kPanel, part);
  if (projection_.empty()) {
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(h.row(r), hidden.row(r), padded_h() * sizeof(float));
    }
  } else {
    projection_.MultiplyTogether(kernels_, hidden.Cols(0, projection_.depth()),
                                 h.Rows(0, rows), scratch->team, proj_clip_);
  }
}

}  // namespace elmo
