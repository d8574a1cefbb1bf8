#ifndef ELMO_CORE_TOOL_HDF5_WEIGHTS_H_
#define ELMO_CORE_TOOL_HDF5_WEIGHTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/model/model_options.h"
#include "core/model/weight_layout.h"
#include "core/tool/guarded_process.h"

namespace elmo {

// The weights of a published HDF5 file.
struct Hdf5Weights {
  // Those that were asked for, and which square projections the file has.
  ModelOptions options;
  SharedFloats buffer;  // In the layout of WeightLayout(options).
  Notes notes;          // What was ignored.
};

// Reads the weight file of AllenNLP or bilm-tf that belongs to `options`.
// Checks that every dataset is there with its exact shape, is float32 and
// finite, and that there is no other, except cells of layers that the options
// leave out. Errors name the file and the dataset.
//
// The HDF5 library runs in a process of its own, with limits: a file that makes
// it crash, hang or eat memory gives an error as well.
absl::StatusOr<Hdf5Weights> ReadHdf5Weights(const std::string& path,
                                            const ModelOptions& options);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_HDF5_WEIGHTS_H_
