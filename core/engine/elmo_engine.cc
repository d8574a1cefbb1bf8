#include "core/engine/elmo_engine.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/denormals.h"
#include "core/base/status_macros.h"
#include "core/engine/write_output.h"
#include "core/text/char_encoder.h"

namespace elmo {
namespace {

constexpr int kDirections = 2;

// Steps of a sentence: <S> tokens </S>.
int64_t Steps(const SentenceInput& input) {
  return static_cast<int64_t>(input.tokens.size()) + 2;
}

}  // namespace

absl::Status ElmoEngineOptions::Validate() const {
  if (word_cache_bytes < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "word_cache_bytes must not be negative; was ", word_cache_bytes));
  }
  return absl::OkStatus();
}

struct ElmoEngine::WorkspaceImpl final : Engine::Workspace {
  std::vector<int64_t> order;    // Packed row -> index of the input.
  std::vector<int64_t> lengths;  // Steps, by packed row.
  PackedRows rows;
  TokenVectors::Table tokens;
  std::vector<int64_t> token_rows;  // Row of `tokens` by packed position.
  // Outputs by [direction][layer], [rows.total(), P]. 0: the token vectors in
  // the order of the direction, until its last layer runs.
  std::vector<ScratchMatrix> storage[kDirections];
  std::vector<Matrix> layers[kDirections];
  ScratchMatrix h;
  ScratchMatrix c;
  LstmScratch lstm;
  ScratchMatrix layer;  // One sentence's layer, both directions side by side.
  ScratchMatrix mixed;
};

absl::Status ElmoEngine::Builder::Begin(const ModelOptions& options) {
  ELMO_RETURN_IF_ERROR(engine_options_.Validate());
  ELMO_RETURN_IF_ERROR(CheckCpuFor(engine_options_.precision));
  ELMO_ASSIGN_OR_RETURN(
      encoder_, CharEncoder::Create(options.char_cnn.max_characters_per_token));
  engine_.reset(new ElmoEngine(options, kernels()));
  return absl::OkStatus();
}

absl::Status ElmoEngine::Builder::TakeCharCnn(const CharCnnWeights& weights) {
  engine_->token_vectors_.emplace(engine_->options_, weights, *encoder_,
                                  kernels(), engine_options_.word_cache_bytes);
  return absl::OkStatus();
}

absl::Status ElmoEngine::Builder::TakeCell(int direction, int layer,
                                           const LstmCellWeights& weights) {
  ELMO_ASSIGN_OR_RETURN(engine_->cells_[direction][layer],
                        LstmCell::Create(weights, engine_->options_.lstm, layer,
                                         {kernels(), engine_options_.lstm_path,
                                          engine_options_.precision}));
  return absl::OkStatus();
}

std::unique_ptr<ElmoEngine> ElmoEngine::Builder::Build() {
  ELMO_CHECK(engine_ != nullptr && engine_->token_vectors_.has_value());
  for (const auto& cells : engine_->cells_) {
    for (const auto& cell : cells) ELMO_CHECK(cell != nullptr);
  }
  return std::move(engine_);
}

const Kernels& ElmoEngine::Builder::kernels() const {
  return engine_options_.kernels ? *engine_options_.kernels : BestKernels();
}

absl::StatusOr<std::unique_ptr<ElmoEngine>> ElmoEngine::Create(
    const ModelOptions& options, const ModelWeights& weights,
    const ElmoEngineOptions& engine_options) {
  Builder builder(engine_options);
  ELMO_RETURN_IF_ERROR(builder.Begin(options));
  ELMO_RETURN_IF_ERROR(builder.TakeCharCnn(weights.char_cnn));
  for (int layer = 0; layer < options.lstm.num_layers; ++layer) {
    ELMO_RETURN_IF_ERROR(
        builder.TakeCell(kForward, layer, weights.forward[layer]));
    ELMO_RETURN_IF_ERROR(
        builder.TakeCell(kBackward, layer, weights.backward[layer]));
  }
  return builder.Build();
}

ElmoEngine::ElmoEngine(const ModelOptions& options, const Kernels& kernels)
    : options_(options), isa_(kernels.name) {
  for (auto& cells : cells_) cells.resize(options.lstm.num_layers);
}

std::unique_ptr<Engine::Workspace> ElmoEngine::CreateWorkspace() const {
  auto workspace = std::make_unique<WorkspaceImpl>();
  for (int d = 0; d < kDirections; ++d) {
    workspace->storage[d].resize(options_.num_output_layers());
    workspace->layers[d].resize(options_.num_output_layers());
  }
  return workspace;
}

absl::Status ElmoEngine::Run(absl::Span<const SentenceInput> inputs,
                             Workspace* workspace,
                             absl::Span<SentenceOutput> outputs) const {
  ELMO_CHECK(inputs.size() == outputs.size());
  if (inputs.empty()) return absl::OkStatus();
  const ScopedFlushDenormals flush_denormals;
  auto* w = static_cast<WorkspaceImpl*>(workspace);
  w->lstm.between_steps = w->between_steps ? &w->between_steps : nullptr;
  w->lstm.team = w->team;
  w->tokens.set_team(w->team);
  Plan(inputs, w);
  GatherTokenVectors(inputs, w);
  const LstmState state_size = LstmState::Zero(options_.lstm);
  for (SentenceOutput& output : outputs) {
    if (output.final_state != nullptr) {
      // Not cleared: it may be the sentence's start state itself.
      output.final_state->h.resize(state_size.h.size());
      output.final_state->c.resize(state_size.c.size());
    }
  }
  for (Direction direction : {kForward, kBackward}) {
    for (int layer = 0; layer < options_.lstm.num_layers; ++layer) {
      ELMO_RETURN_IF_ERROR(RunCell(inputs, direction, layer, w, outputs));
    }
  }
  for (size_t row = 0; row < inputs.size(); ++row) {
    const int64_t i = w->order[row];
    const OutputSpec& spec = *inputs[i].output;
    outputs[i].values.resize(OutputSize(
        spec, options_, static_cast<int64_t>(inputs[i].tokens.size())));
    WriteOutput(
        spec, options_.num_output_layers(),
        [&](int layer) { return ReadLayer(layer, row, w); }, &w->mixed,
        absl::MakeSpan(outputs[i].values));
  }
  return absl::OkStatus();
}

void ElmoEngine::Plan(absl::Span<const SentenceInput> inputs,
                      WorkspaceImpl* w) const {
  w->order.resize(inputs.size());
  std::iota(w->order.begin(), w->order.end(), 0);
  std::stable_sort(w->order.begin(), w->order.end(), [&](int64_t a, int64_t b) {
    return inputs[a].tokens.size() > inputs[b].tokens.size();
  });
  w->lengths.clear();
  for (int64_t i : w->order) w->lengths.push_back(Steps(inputs[i]));
  w->rows.Assign(w->lengths);
}

void ElmoEngine::GatherTokenVectors(absl::Span<const SentenceInput> inputs,
                                    WorkspaceImpl* w) const {
  const CharEncoder& encoder = token_vectors_->encoder();
  const PackedRows& rows = w->rows;
  w->tokens.Clear();
  w->token_rows.resize(rows.total());
  for (int64_t t = 0; t < rows.steps(); ++t) {
    for (int64_t r = 0; r < rows.rows_at(t); ++r) {
      const absl::Span<const std::string> tokens = inputs[w->order[r]].tokens;
      const std::string_view word = t == 0 ? kSentenceBeginToken
                                    : t + 1 == w->lengths[r]
                                        ? kSentenceEndToken
                                        : std::string_view(tokens[t - 1]);
      w->token_rows[rows.offset(t) + r] = w->tokens.Add(word, encoder);
    }
  }
  token_vectors_->Fill(&w->tokens);
}

Matrix ElmoEngine::FirstInput(Direction direction, WorkspaceImpl* w) const {
  const PackedRows& rows = w->rows;
  const ConstMatrix vectors = w->tokens.vectors();
  // Where the last layer's output will be: nobody needs both at a time, unless
  // the first layer is the last.
  const int last = options_.lstm.num_layers;
  const Matrix input = w->storage[direction][last > 1 ? last : 0].Get(
      rows.total(), vectors.cols());
  for (int64_t t = 0; t < rows.steps(); ++t) {
    for (int64_t r = 0; r < rows.rows_at(t); ++r) {
      // The backward model reads each sentence from its own end.
      const int64_t step = direction == kForward ? t : w->lengths[r] - 1 - t;
      std::memcpy(input.row(rows.offset(t) + r),
                  vectors.row(w->token_rows[rows.offset(step) + r]),
                  vectors.cols() * sizeof(float));
    }
  }
  return input;
}

absl::Status ElmoEngine::RunCell(absl::Span<const SentenceInput> inputs,
                                 Direction direction, int layer,
                                 WorkspaceImpl* w,
                                 absl::Span<SentenceOutput> outputs) const {
  const LstmCell& cell = *cells_[direction][layer];
  const PackedRows& rows = w->rows;
  const int64_t index = direction * options_.lstm.num_layers + layer;
  const int64_t h_dim = options_.lstm.projection_dim;
  const int64_t c_dim = options_.lstm.dim;
  const Matrix h = w->h.Get(rows.max_rows(), cell.padded_h());
  const Matrix c = w->c.GetApart(rows.max_rows(), cell.padded_c());
  for (int64_t r = 0; r < rows.max_rows(); ++r) {
    std::fill_n(h.row(r), h.cols(), 0.0f);
    std::fill_n(c.row(r), c.cols(), 0.0f);
    const LstmState* start = inputs[w->order[r]].start_state;
    if (start == nullptr) continue;
    std::copy_n(start->h.data() + index * h_dim, h_dim, h.row(r));
    std::copy_n(start->c.data() + index * c_dim, c_dim, c.row(r));
  }

  if (layer == 0) w->layers[direction][0] = FirstInput(direction, w);
  const Matrix input = w->layers[direction][layer];
  const Matrix output =
      w->storage[direction][layer + 1].Get(rows.total(), cell.padded_h());
  w->layers[direction][layer + 1] = output;
  ELMO_RETURN_IF_ERROR(cell.Run(rows, input, h, c, &w->lstm, output));
  if (layer > 0 && options_.lstm.use_skip_connections) {
    // After the clip, and never part of the recurrence.
    for (int64_t i = 0; i < output.size(); ++i) {
      output.data()[i] += input.data()[i];
    }
  }

  for (int64_t r = 0; r < rows.max_rows(); ++r) {
    LstmState* final_state = outputs[w->order[r]].final_state;
    if (final_state == nullptr) continue;
    std::copy_n(h.row(r), h_dim, final_state->h.data() + index * h_dim);
    std::copy_n(c.row(r), c_dim, final_state->c.data() + index * c_dim);
  }
  return absl::OkStatus();
}

ConstMatrix ElmoEngine::ReadLayer(int layer, int64_t row,
                                  WorkspaceImpl* w) const {
  const int64_t width = options_.lstm.projection_dim;
  const int64_t steps = w->lengths[row];
  const Matrix both = w->layer.Get(steps, 2 * width);
  for (int64_t t = 0; t < steps; ++t) {
    const int64_t forward = w->rows.offset(t) + row;
    if (layer == 0) {
      // Both directions have read the same.
      const float* vector = w->tokens.vectors().row(w->token_rows[forward]);
      std::copy_n(vector, width, both.row(t));
      std::copy_n(vector, width, both.row(t) + width);
      continue;
    }
    const int64_t backward = w->rows.offset(steps - 1 - t) + row;
    std::copy_n(w->layers[kForward][layer].row(forward), width, both.row(t));
    std::copy_n(w->layers[kBackward][layer].row(backward), width,
                both.row(t) + width);
  }
  return both;
}

}  // namespace elmo
