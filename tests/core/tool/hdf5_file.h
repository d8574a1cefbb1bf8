#ifndef ELMO_TESTS_CORE_TOOL_HDF5_FILE_H_
#define ELMO_TESTS_CORE_TOOL_HDF5_FILE_H_

#include <gtest/gtest.h>
#include <hdf5.h>

#include <string>
#include <vector>

#include "core/model/weight_layout.h"
#include "tests/core/model/random_model.h"

namespace elmo::testing {

// A dataset as a test wants it in a file.
struct Hdf5Dataset {
  std::string name;
  std::vector<hsize_t> dims;
  std::vector<float> values;
  hid_t type = H5T_IEEE_F32LE;
  // Properties; the caller closes them.
  hid_t properties = H5P_DEFAULT;
  bool write = true;  // Else only the dataset is made, without values.
};

// Datasets by the published names and shapes of a model's weights.
inline std::vector<Hdf5Dataset> PublishedDatasets(const RandomModel& model) {
  std::vector<Hdf5Dataset> datasets;
  for (const WeightTensor& tensor : model.layout.tensors()) {
    Hdf5Dataset dataset;
    dataset.name = tensor.published;
    if (tensor.published.rfind("CNN/W_cnn_", 0) == 0) dataset.dims = {1};
    dataset.dims.insert(dataset.dims.end(), tensor.shape.begin(),
                        tensor.shape.end());
    const float* values = model.buffer.data() + tensor.offset;
    dataset.values.assign(values, values + tensor.size());
    datasets.push_back(std::move(dataset));
  }
  return datasets;
}

// The dataset of that name; a failure of the test where there is none.
inline Hdf5Dataset& Find(std::vector<Hdf5Dataset>& datasets,
                         const std::string& name) {
  for (Hdf5Dataset& dataset : datasets) {
    if (dataset.name == name) return dataset;
  }
  ADD_FAILURE() << "no dataset " << name;
  return datasets[0];
}

inline void Remove(std::vector<Hdf5Dataset>& datasets,
                   const std::string& name) {
  for (size_t i = 0; i < datasets.size(); ++i) {
    if (datasets[i].name == name) {
      datasets.erase(datasets.begin() + static_cast<ptrdiff_t>(i));
      return;
    }
  }
  ADD_FAILURE() << "no dataset " << name;
}

// An HDF5 file being written. Groups on the way to a name are made.
class Hdf5File {
 public:
  explicit Hdf5File(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)),
        links_(H5Pcreate(H5P_LINK_CREATE)) {
    EXPECT_GE(file_, 0) << path;
    H5Pset_create_intermediate_group(links_, 1);
  }
  ~Hdf5File() {
    H5Pclose(links_);
    EXPECT_GE(H5Fclose(file_), 0);
  }
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  hid_t get() const { return file_; }
  hid_t links() const { return links_; }

  void Add(const Hdf5Dataset& dataset) {
    const hid_t space = H5Screate_simple(static_cast<int>(dataset.dims.size()),
                                         dataset.dims.data(), nullptr);
    const hid_t id = H5Dcreate2(file_, dataset.name.c_str(), dataset.type,
                                space, links_, dataset.properties, H5P_DEFAULT);
    EXPECT_GE(id, 0) << dataset.name;
    if (dataset.write) {
      EXPECT_GE(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         dataset.values.data()),
                0)
          << dataset.name;
    }
    H5Dclose(id);
    H5Sclose(space);
  }

 private:
  const hid_t file_;
  const hid_t links_;
};

inline void WriteHdf5(const std::string& path,
                      const std::vector<Hdf5Dataset>& datasets) {
  Hdf5File file(path);
  for (const Hdf5Dataset& dataset : datasets) file.Add(dataset);
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CORE_TOOL_HDF5_FILE_H_
