#include "core/tool/hdf5_reader.h"

#include <hdf5.h>

#include <algorithm>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/json.h"
#include "core/model/safetensors_file.h"

namespace elmo {
namespace {

// A model of eight layers with 64 filters has fewer than 300 names.
constexpr size_t kMaxLinks = 4096;
constexpr int kMaxDims = 8;

// Closes an HDF5 object. Invalid where the call that made it failed.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }

 private:
  const hid_t id_;
  const Close close_;
};

// Names come from the file: shown on one line, in ASCII, cut.
std::string Shown(const std::string& name) {
  return JsonForMessage(nlohmann::json(name));
}

absl::Status DatasetError(const std::string& name, absl::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat("dataset ", Shown(name), " ", message));
}

// The innermost reason on the library's error stack, such as "truncated file:
// eof = 96, sblock->base_addr = 0, stored_eof = 450896".
std::string LibraryError() {
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, const H5E_error2_t* error, void* data) -> herr_t {
        *static_cast<std::string*>(data) = error->desc ? error->desc : "";
        return 1;  // The first is the innermost.
      },
      &reason);
  reason.resize(std::min<size_t>(reason.size(), 160));
  std::replace_if(
      reason.begin(), reason.end(),
      [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return reason.empty() ? "unknown reason" : reason;
}

struct Link {
  std::string name;
  H5L_type_t type = H5L_TYPE_ERROR;
};

// All links of the file, at any depth. Soft and external ones are not followed.
absl::StatusOr<std::vector<Link>> ListLinks(hid_t file) {
  std::vector<Link> links;
  const herr_t result = H5Lvisit(
      file, H5_INDEX_NAME, H5_ITER_NATIVE,
      [](hid_t, const char* name, const H5L_info_t* info, void* data) {
        auto* found = static_cast<std::vector<Link>*>(data);
        found->push_back({name, info->type});
        return static_cast<herr_t>(found->size() > kMaxLinks ? 1 : 0);
      },
      &links);
  if (result < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot list its content: ", LibraryError()));
  }
  if (result > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", kMaxLinks, " groups and datasets"));
  }
  return links;
}

// The names of all datasets.
absl::StatusOr<std::set<std::string>> ListDatasets(hid_t file) {
  ELMO_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(file));
  std::set<std::string> datasets;
  for (const Link& link : links) {
    if (link.type != H5L_TYPE_HARD) {
      return DatasetError(link.name,
                          "is a link to another place; weight files have none");
    }
    const Handle object(H5Oopen(file, link.name.c_str(), H5P_DEFAULT),
                        H5Oclose);
    if (!object.valid()) {
      return DatasetError(link.name,
                          absl::StrCat("cannot be opened: ", LibraryError()));
    }
    if (H5Iget_type(object.get()) == H5I_DATASET) datasets.insert(link.name);
  }
  return datasets;
}

// Whether the dataset belongs to an LSTM layer at or above `num_layers`.
bool IsHigherLayer(const std::string& name, int num_layers) {
  for (const absl::string_view direction : {"RNN_0", "RNN_1"}) {
    const std::string prefix =
        absl::StrCat(direction, "/RNN/MultiRNNCell/Cell");
    if (!absl::StartsWith(name, prefix)) continue;
    const absl::string_view rest =
        absl::string_view(name).substr(prefix.size());
    int layer = 0;
    return absl::SimpleAtoi(rest.substr(0, rest.find('/')), &layer) &&
           layer >= num_layers;
  }
  return false;
}

absl::Status CheckNames(const std::set<std::string>& found,
                        const WeightLayout& layout, Notes* notes) {
  if (found.count("char_embed") == 0 && found.count("embedding") != 0) {
    return absl::InvalidArgumentError(
        "dataset \"embedding\" in place of \"char_embed\": these weights are "
        "of a model on word ids, or are cached token vectors; only models with "
        "a character CNN are supported");
  }
  std::set<std::string> expected;
  for (const WeightTensor& tensor : layout.tensors()) {
    if (found.count(tensor.published) == 0) {
      return DatasetError(tensor.published, "is missing");
    }
    expected.insert(tensor.published);
  }
  int ignored = 0;
  for (const std::string& name : found) {
    if (expected.count(name) != 0) continue;
    if (!IsHigherLayer(name, layout.num_layers())) {
      return DatasetError(name,
                          "does not belong to these options; are they of "
                          "another model?");
    }
    ++ignored;
  }
  if (ignored > 0) {
    notes->push_back(absl::StrCat("lstm.n_layers is ", layout.num_layers(),
                                  ": ignored ", ignored,
                                  " datasets of higher layers"));
  }
  return absl::OkStatus();
}

std::string TypeName(hid_t type) {
  const char* name = "of a type that is not a number";
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      name = "float";
      break;
    case H5T_INTEGER:
      name = "int";
      break;
    default:
      return name;
  }
  return absl::StrCat(name, H5Tget_size(type) * 8);
}

absl::Status CheckType(const std::string& name, hid_t dataset) {
  const Handle type(H5Dget_type(dataset), H5Tclose);
  if (!type.valid()) {
    return DatasetError(name, absl::StrCat("has no type: ", LibraryError()));
  }
  if (H5Tequal(type.get(), H5T_IEEE_F32LE) > 0 ||
      H5Tequal(type.get(), H5T_IEEE_F32BE) > 0) {
    return absl::OkStatus();
  }
  return DatasetError(
      name, absl::StrCat("is ", TypeName(type.get()), "; must be float32"));
}

absl::Status CheckShape(const std::string& name, hid_t dataset,
                        const std::vector<int64_t>& expected) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  hsize_t dims[H5S_MAX_RANK];
  const int rank = space.valid() ? H5Sget_simple_extent_ndims(space.get()) : -1;
  if (rank < 0 || rank > kMaxDims ||
      H5Sget_simple_extent_dims(space.get(), dims, nullptr) != rank) {
    return DatasetError(name, absl::StrCat("has no usable shape; must be ",
                                           ShapeString(expected)));
  }
  if (static_cast<size_t>(rank) != expected.size() ||
      !std::equal(
          expected.begin(), expected.end(), dims,
          [](int64_t a, hsize_t b) { return static_cast<hsize_t>(a) == b; })) {
    const std::string shape =
        rank == 0
            ? "no dimensions"
            : absl::StrCat("shape ", absl::StrJoin(dims, dims + rank, "x"));
    return DatasetError(
        name, absl::StrCat("has ", shape, "; must be ", ShapeString(expected)));
  }
  return absl::OkStatus();
}

bool HasAllBytes(hid_t dataset) {
  H5D_space_status_t status = H5D_SPACE_STATUS_ERROR;
  return H5Dget_space_status(dataset, &status) >= 0 &&
         status == H5D_SPACE_STATUS_ALLOCATED;
}

// The space status does not tell this for packed chunks. The shape has been
// checked.
bool HasAllChunks(hid_t dataset, hid_t plist) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  hsize_t dims[H5S_MAX_RANK];
  hsize_t chunk[H5S_MAX_RANK];
  hsize_t found = 0;
  const int rank = H5Sget_simple_extent_dims(space.get(), dims, nullptr);
  if (rank <= 0 || H5Pget_chunk(plist, H5S_MAX_RANK, chunk) != rank ||
      H5Dget_num_chunks(dataset, space.get(), &found) < 0) {
    return false;
  }
  hsize_t expected = 1;
  for (int i = 0; i < rank; ++i) {
    if (chunk[i] == 0) return false;
    expected *= (dims[i] + chunk[i] - 1) / chunk[i];
  }
  return found == expected;
}

// The values must be in this file, all of them, plain or in chunks. What the
// file does not hold, the library would make up (fill values) or fetch from
// files that it names.
absl::Status CheckStorage(const std::string& name, hid_t dataset) {
  const Handle plist(H5Dget_create_plist(dataset), H5Pclose);
  if (!plist.valid()) {
    return DatasetError(name,
                        absl::StrCat("has no properties: ", LibraryError()));
  }
  if (H5Pget_layout(plist.get()) == H5D_VIRTUAL ||
      H5Pget_external_count(plist.get()) != 0) {
    return DatasetError(name, "keeps its values in other files");
  }
  for (int i = 0; i < H5Pget_nfilters(plist.get()); ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    size_t num_values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(plist.get(), static_cast<unsigned>(i), &flags,
                       &num_values, nullptr, 0, nullptr, &config);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
        filter != H5Z_FILTER_FLETCHER32) {
      return DatasetError(name, absl::StrCat("is packed with filter ", filter,
                                             "; only gzip is supported"));
    }
  }
  const bool complete = H5Pget_layout(plist.get()) == H5D_CHUNKED
                            ? HasAllChunks(dataset, plist.get())
                            : HasAllBytes(dataset);
  if (!complete) return DatasetError(name, "lacks a part of its values");
  return absl::OkStatus();
}

// Published shapes are ours, but a convolution has a leading 1 there.
std::vector<int64_t> PublishedShape(const WeightTensor& tensor) {
  std::vector<int64_t> shape = tensor.shape;
  if (absl::StartsWith(tensor.published, "CNN/W_cnn_")) {
    shape.insert(shape.begin(), 1);
  }
  return shape;
}

absl::Status ReadDataset(hid_t file, const WeightTensor& tensor, float* out) {
  const std::string& name = tensor.published;
  const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) {
    return DatasetError(name,
                        absl::StrCat("cannot be opened: ", LibraryError()));
  }
  ELMO_RETURN_IF_ERROR(CheckType(name, dataset.get()));
  ELMO_RETURN_IF_ERROR(CheckShape(name, dataset.get(), PublishedShape(tensor)));
  ELMO_RETURN_IF_ERROR(CheckStorage(name, dataset.get()));
  if (H5Dread(dataset.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
              out) < 0) {
    return DatasetError(name, absl::StrCat("cannot be read: ", LibraryError()));
  }
  return absl::OkStatus();
}

// The file, open for reading. Not valid() where that failed: `status` says why.
Handle OpenFile(const std::string& path, absl::Status* status) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // It prints otherwise.
  H5PLset_loading_state(0);  // A file must not make us load plugins.
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Read-only file systems cannot lock.
  H5Pset_file_locking(access.get(), false, true);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  // Asked at once: the next call of the library would clear it.
  if (file < 0) {
    *status = absl::InvalidArgumentError(
        absl::StrCat("the HDF5 library cannot open it: ", LibraryError()));
  }
  return Handle(file, H5Fclose);
}

}  // namespace

absl::Status FindHdf5Projections(const std::string& path,
                                 ModelOptions* options) {
  absl::Status status;
  const Handle file = OpenFile(path, &status);
  if (!file.valid()) return status;
  ELMO_ASSIGN_OR_RETURN(const std::set<std::string> datasets,
                        ListDatasets(file.get()));
  FindSquareProjections(
      [&](const WeightTensor& tensor) {
        return datasets.count(tensor.published) != 0;
      },
      options);
  return absl::OkStatus();
}

absl::Status ReadHdf5Datasets(const std::string& path,
                              const WeightLayout& layout, float* buffer,
                              Notes* notes) {
  absl::Status status;
  const Handle file = OpenFile(path, &status);
  if (!file.valid()) return status;
  ELMO_ASSIGN_OR_RETURN(const std::set<std::string> datasets,
                        ListDatasets(file.get()));
  ELMO_RETURN_IF_ERROR(CheckNames(datasets, layout, notes));
  for (const WeightTensor& tensor : layout.tensors()) {
    ELMO_RETURN_IF_ERROR(
        ReadDataset(file.get(), tensor, buffer + tensor.offset));
  }
  return absl::OkStatus();
}

}  // namespace elmo
