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

}  // namespace

absl::StatusOr<Hdf5Weights> ReadHdf5Weights(const std::string& path,
                                            const ModelOptions& options) {
  ELMO_RETURN_IF_ERROR(CheckIsHdf5(path));
  const WeightLayout layout(options);
  ELMO_ASSIGN_OR_RETURN(SharedFloats buffer,
                        SharedFloats::Create(layout.buffer_size()));
  ProcessLimits limits;
  limits.cpu_seconds += static_cast<int>(layout.buffer_size() * sizeof(float) /
                                         kMinBytesPerCpuSecond);
  Hdf5Weights weights{std::move(buffer), {}};
  absl::Status status = RunGuarded(
      limits,
      [&](Notes* notes) {
        return ReadHdf5Datasets(path, layout, weights.buffer.data(), notes);
      },
      &weights.notes);
  if (status.ok()) status = CheckFinite(layout, weights.buffer.data());
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(path, ": ", status.message()));
  }
  return weights;
}

}  // namespace elmo
