#ifndef ELMO_CORE_TOOL_HDF5_READER_H_
#define ELMO_CORE_TOOL_HDF5_READER_H_

#include <string>

#include "absl/status/status.h"
#include "core/model/weight_layout.h"
#include "core/tool/guarded_process.h"

namespace elmo {

// Which square projections the file has (see ModelOptions). Like the next one,
// to be run under RunGuarded(), and naming the dataset, not the file.
absl::Status FindHdf5Projections(const std::string& path,
                                 ModelOptions* options);

// The part of ReadHdf5Weights() that runs the HDF5 library: fills `buffer` from
// the datasets of the file. The library is not safe on hostile files, so this
// runs under RunGuarded(). Does not look at the values. Errors name the
// dataset, not the file.
absl::Status ReadHdf5Datasets(const std::string& path,
                              const WeightLayout& layout, float* buffer,
                              Notes* notes);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_HDF5_READER_H_
