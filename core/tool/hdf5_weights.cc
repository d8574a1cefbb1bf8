#include "core/tool/hdf5_weights.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/float_formats.h"
#include "core/tool/hdf5_reader.h"
#include "core/tool/weights_file_kind.h"

namespace elmo {
namespace {

// Unpacking gzip is the slowest thing that a good file can ask for; this is a
// tenth of its speed.
constexpr int64_t kMinBytesPerCpuSecond = 20 << 20;

absl::Status CheckFinite(const WeightLayout& layout, const float* buffer) {
  for (const WeightTensor& tensor : layout.tensors()) {
    const float* values = buffer + tensor.offset;
    const size_t bad = FindNonFinite(values, tensor.size());
    if (bad < tensor.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("dataset ", tensor.published, " has a NaN or infinity (",
                       values[bad], ") at element ", bad));
    }
  }
  return absl::OkStatus();
}

// `options`, with the square projections that the file has. Only where the
// dimensions leave that open is the file looked at.
absl::StatusOr<ModelOptions> Resolve(const std::string& path,
                                     ModelOptions options) {
  if (options.lstm.projection_dim < options.lstm.dim &&
      options.char_cnn.num_filters() != options.lstm.projection_dim) {
    return options;
  }
  ELMO_ASSIGN_OR_RETURN(SharedFloats found, SharedFloats::Create(2));
  Notes none;
  ELMO_RETURN_IF_ERROR(RunGuarded(
      ProcessLimits(),
      [&](Notes*) {
        const absl::Status status = FindHdf5Projections(path, &options);
        found.data()[0] = options.lstm.square_projection ? 1 : 0;
        found.data()[1] = options.char_cnn.square_projection ? 1 : 0;
        return status;
      },
      &none));
  options.lstm.square_projection = found.data()[0] != 0;
  options.char_cnn.square_projection = found.data()[1] != 0;
  return options;
}

absl::Status WithPath(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<Hdf5Weights> ReadHdf5Weights(const std::string& path,
                                            const ModelOptions& options) {
  ELMO_RETURN_IF_ERROR(CheckIsHdf5(path));
  const absl::StatusOr<ModelOptions> resolved = Resolve(path, options);
  if (!resolved.ok()) return WithPath(path, resolved.status());
  const WeightLayout layout(*resolved);
  ELMO_ASSIGN_OR_RETURN(SharedFloats buffer,
                        SharedFloats::Create(layout.buffer_size()));
  ProcessLimits limits;
  limits.cpu_seconds += static_cast<int>(layout.buffer_size() * sizeof(float) /
                                         kMinBytesPerCpuSecond);
  Hdf5Weights weights{*resolved, std::move(buffer), {}};
  absl::Status status = RunGuarded(
      limits,
      [&](Notes* notes) {
        return ReadHdf5Datasets(path, layout, weights.buffer.data(), notes);
      },
      &weights.notes);
  if (status.ok()) status = CheckFinite(layout, weights.buffer.data());
  if (!status.ok()) return WithPath(path, status);
  return weights;
}

}  // namespace elmo
