#ifndef ELMO_CORE_MODEL_WEIGHT_LAYOUT_H_
#define ELMO_CORE_MODEL_WEIGHT_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"
#include "core/model/weight_sink.h"

namespace elmo {

// One tensor of a model and its place in a buffer that holds all of them.
struct WeightTensor {
  std::string name;       // In a package: "lstm.forward.0.weight".
  std::string published;  // The dataset of a published weight file.
  std::vector<int64_t> shape;
  int64_t rows = 0;   // As the matrix in ModelWeights: all dimensions but the
  int64_t cols = 0;   // last are rows; a bias has one row.
  size_t offset = 0;  // In floats, a multiple of 16 (64 bytes).
  size_t part = 0;    // Index of its part.

  size_t size() const { return static_cast<size_t>(rows * cols); }
};

// Tensors that are used together: the character CNN's, or a cell's. They are
// neighbours in the buffer.
struct WeightPart {
  size_t num_tensors = 0;
  size_t offset = 0;  // In floats, a multiple of 16.
  size_t size = 0;    // Gaps included.
};

// Sets `options`' two square_projection to what the weights have. `has` tells
// whether they have the tensor.
void FindSquareProjections(const std::function<bool(const WeightTensor&)>& has,
                           ModelOptions* options);

// All tensors that a model with these options has, in the order of packages,
// laid out in one buffer. This is the one place that lists them. Constant.
class WeightLayout {
 public:
  // `options` must have passed ParseModelOptions().
  explicit WeightLayout(const ModelOptions& options);

  const std::vector<WeightTensor>& tensors() const { return tensors_; }
  // The character CNN, then the forward cells by layer, then the backward ones.
  const std::vector<WeightPart>& parts() const { return parts_; }
  // Floats in the buffer, gaps included.
  size_t buffer_size() const { return buffer_size_; }
  int64_t num_parameters() const { return num_parameters_; }
  int num_layers() const { return options_.lstm.num_layers; }

  // Views into a buffer of buffer_size() floats, which must outlive them.
  ModelWeights View(const float* buffer) const;
  // Shows one part, which lies in a buffer of its own, to `sink`.
  absl::Status ShowPart(size_t part, const float* buffer,
                        WeightSink* sink) const;
  // The matrices of `weights` in the order of tensors(). INVALID_ARGUMENT names
  // the first whose shape does not fit.
  absl::StatusOr<std::vector<ConstMatrix>> List(
      const ModelWeights& weights) const;

 private:
  // Views of the tensors at the places that `at` tells; null: an empty one.
  ModelWeights Views(
      absl::FunctionRef<const float*(const WeightTensor&)> at) const;

  const ModelOptions options_;
  std::vector<WeightTensor> tensors_;
  std::vector<WeightPart> parts_;
  size_t buffer_size_ = 0;
  int64_t num_parameters_ = 0;
};

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_WEIGHT_LAYOUT_H_
