#include "core/model/weight_layout.h"

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace elmo {
namespace {

constexpr size_t kAlignFloats = 16;

// Rows of char_embed: ids 1 to 261. Id 0 has no row, its vector is zero.
constexpr int64_t kNumStoredCharacters = 261;

using Shape = std::vector<int64_t>;

// Called with the two names, the part, the shape and the view of each tensor.
using Visitor =
    std::function<void(std::string name, std::string published, size_t part,
                       const Shape& shape, ConstMatrix* view)>;

constexpr size_t kCharCnnPart = 0;

size_t CellPart(const ModelOptions& options, int direction, int layer) {
  return static_cast<size_t>(1 + direction * options.lstm.num_layers + layer);
}

// A model's weights with every vector at its final size and every view empty.
ModelWeights EmptyWeights(const ModelOptions& options) {
  ModelWeights weights;
  for (const CharCnnOptions::Filter& filter : options.char_cnn.filters) {
    weights.char_cnn.convolutions.push_back({filter.width, {}, {}});
  }
  weights.char_cnn.highways.resize(options.char_cnn.num_highway);
  weights.forward.resize(options.lstm.num_layers);
  weights.backward.resize(options.lstm.num_layers);
  return weights;
}

void VisitCharCnn(const ModelOptions& options, CharCnnWeights* weights,
                  const Visitor& all) {
  const CharCnnOptions& cnn = options.char_cnn;
  const int64_t d = cnn.embedding_dim;
  const int64_t f = cnn.num_filters();
  const int64_t p = options.lstm.projection_dim;
  const auto visit = [&all](std::string name, std::string published,
                            const Shape& shape, ConstMatrix* view) {
    all(std::move(name), std::move(published), kCharCnnPart, shape, view);
  };
  visit("char_cnn.embedding", "char_embed", {kNumStoredCharacters, d},
        &weights->embedding);
  for (size_t i = 0; i < cnn.filters.size(); ++i) {
    const CharCnnOptions::Filter& filter = cnn.filters[i];
    const std::string name = absl::StrCat("char_cnn.convolution.", i);
    visit(name + ".weight", absl::StrCat("CNN/W_cnn_", i),
          {filter.width, d, filter.count}, &weights->convolutions[i].weight);
    visit(name + ".bias", absl::StrCat("CNN/b_cnn_", i), {filter.count},
          &weights->convolutions[i].bias);
  }
  for (int k = 0; k < cnn.num_highway; ++k) {
    const std::string name = absl::StrCat("highway.", k);
    const std::string group = absl::StrCat("CNN_high_", k);
    HighwayWeights* highway = &weights->highways[k];
    visit(name + ".carry.weight", group + "/W_carry", {f, f},
          &highway->carry_weight);
    visit(name + ".carry.bias", group + "/b_carry", {f}, &highway->carry_bias);
    visit(name + ".transform.weight", group + "/W_transform", {f, f},
          &highway->transform_weight);
    visit(name + ".transform.bias", group + "/b_transform", {f},
          &highway->transform_bias);
  }
  if (options.has_char_projection()) {
    visit("projection.weight", "CNN_proj/W_proj", {f, p}, &weights->projection);
    visit("projection.bias", "CNN_proj/b_proj", {p}, &weights->projection_bias);
  }
}

void VisitDirection(const ModelOptions& options, int direction,
                    std::vector<LstmCellWeights>* cells, const Visitor& visit) {
  const int64_t h = options.lstm.dim;
  const int64_t p = options.lstm.projection_dim;
  for (int layer = 0; layer < options.lstm.num_layers; ++layer) {
    const std::string name =
        absl::StrCat("lstm.", direction == 0 ? "forward." : "backward.", layer);
    const std::string group = absl::StrCat(
        "RNN_", direction, "/RNN/MultiRNNCell/Cell", layer, "/LSTMCell");
    const size_t part = CellPart(options, direction, layer);
    LstmCellWeights* cell = &(*cells)[layer];
    visit(name + ".weight", group + "/W_0", part, {2 * p, 4 * h},
          &cell->weight);
    visit(name + ".bias", group + "/B", part, {4 * h}, &cell->bias);
    if (options.lstm.has_projection()) {
      visit(name + ".projection", group + "/W_P_0", part, {h, p},
            &cell->projection);
    }
  }
}

void Visit(const ModelOptions& options, ModelWeights* weights,
           const Visitor& visit) {
  VisitCharCnn(options, &weights->char_cnn, visit);
  VisitDirection(options, 0, &weights->forward, visit);
  VisitDirection(options, 1, &weights->backward, visit);
}

}  // namespace

void FindSquareProjections(const std::function<bool(const WeightTensor&)>& has,
                           ModelOptions* options) {
  const bool square_lstm = options->lstm.projection_dim == options->lstm.dim;
  const bool square_char =
      options->char_cnn.num_filters() == options->lstm.projection_dim;
  options->lstm.square_projection = square_lstm;
  options->char_cnn.square_projection = square_char;
  bool lstm = false;
  bool characters = false;
  const WeightLayout layout(*options);
  // One is enough: where others are missing, the layout then misses them.
  for (const WeightTensor& tensor : layout.tensors()) {
    const bool is_char = absl::StartsWith(tensor.name, "projection.");
    const bool is_lstm = absl::EndsWith(tensor.name, ".projection");
    if ((!is_char && !is_lstm) || !has(tensor)) continue;
    (is_char ? characters : lstm) = true;
  }
  options->lstm.square_projection = square_lstm && lstm;
  options->char_cnn.square_projection = square_char && characters;
}

WeightLayout::WeightLayout(const ModelOptions& options)
    : options_(options),
      parts_(CellPart(options, /*direction=*/2, /*layer=*/0)) {
  ModelWeights unused = EmptyWeights(options);
  Visit(options, &unused,
        [this](std::string name, std::string published, size_t part_index,
               const Shape& shape, ConstMatrix*) {
          WeightTensor tensor;
          tensor.name = std::move(name);
          tensor.published = std::move(published);
          tensor.shape = shape;
          tensor.rows = 1;
          for (size_t i = 0; i + 1 < shape.size(); ++i) tensor.rows *= shape[i];
          tensor.cols = shape.back();
          tensor.offset = buffer_size_;
          tensor.part = part_index;
          buffer_size_ +=
              (tensor.size() + kAlignFloats - 1) / kAlignFloats * kAlignFloats;
          WeightPart& part = parts_[part_index];
          if (part.num_tensors++ == 0) part.offset = tensor.offset;
          part.size = buffer_size_ - part.offset;
          num_parameters_ += static_cast<int64_t>(tensor.size());
          tensors_.push_back(std::move(tensor));
        });
}

ModelWeights WeightLayout::Views(
    absl::FunctionRef<const float*(const WeightTensor&)> at) const {
  ModelWeights weights = EmptyWeights(options_);
  size_t i = 0;
  Visit(options_, &weights,
        [&](const std::string&, const std::string&, size_t, const Shape&,
            ConstMatrix* view) {
          const WeightTensor& tensor = tensors_[i++];
          const float* place = at(tensor);
          if (place == nullptr) return;
          *view = ConstMatrix(place, tensor.rows, tensor.cols);
        });
  return weights;
}

ModelWeights WeightLayout::View(const float* buffer) const {
  return Views(
      [&](const WeightTensor& tensor) { return buffer + tensor.offset; });
}

absl::Status WeightLayout::ShowPart(size_t part, const float* buffer,
                                    WeightSink* sink) const {
  const ModelWeights weights = Views([&](const WeightTensor& tensor) {
    return tensor.part == part ? buffer + (tensor.offset - parts_[part].offset)
                               : nullptr;
  });
  if (part == kCharCnnPart) return sink->TakeCharCnn(weights.char_cnn);
  const int cell = static_cast<int>(part - CellPart(options_, 0, 0));
  const int direction = cell / num_layers(), layer = cell % num_layers();
  return sink->TakeCell(
      direction, layer,
      (direction == 0 ? weights.forward : weights.backward)[layer]);
}

absl::StatusOr<std::vector<ConstMatrix>> WeightLayout::List(
    const ModelWeights& weights) const {
  const ModelWeights expected = EmptyWeights(options_);
  if (weights.char_cnn.convolutions.size() !=
          expected.char_cnn.convolutions.size() ||
      weights.char_cnn.highways.size() != expected.char_cnn.highways.size() ||
      weights.forward.size() != expected.forward.size() ||
      weights.backward.size() != expected.backward.size()) {
    return absl::InvalidArgumentError(
        "the weights have another number of filters, highways or layers than "
        "the options");
  }
  std::vector<ConstMatrix> list;
  absl::Status status;
  ModelWeights copy = weights;
  Visit(options_, &copy,
        [&](const std::string& name, const std::string&, size_t, const Shape&,
            ConstMatrix* view) {
          const WeightTensor& tensor = tensors_[list.size()];
          if (status.ok() &&
              (view->rows() != tensor.rows || view->cols() != tensor.cols)) {
            status = absl::InvalidArgumentError(
                absl::StrCat(name, ": is ", view->rows(), "x", view->cols(),
                             "; must be ", tensor.rows, "x", tensor.cols));
          }
          list.push_back(*view);
        });
  if (!status.ok()) return status;
  return list;
}

}  // namespace elmo
