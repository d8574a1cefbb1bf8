#include "tests/testing/golden.h"

#include <hdf5.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace elmo::testing {
namespace {

using Json = nlohmann::json;

struct Tensor {
  std::vector<hsize_t> shape;
  std::vector<float> values;
};

absl::StatusOr<Tensor> ReadOpenDataset(hid_t dataset, const std::string& name) {
  const hid_t space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_ndims(space);
  Tensor tensor;
  tensor.shape.resize(rank < 0 ? 0 : rank);
  H5Sget_simple_extent_dims(space, tensor.shape.data(), nullptr);
  H5Sclose(space);
  tensor.values.resize(std::accumulate(tensor.shape.begin(), tensor.shape.end(),
                                       hsize_t{1}, std::multiplies<>()));
  if (rank <= 0 || H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL,
                           H5P_DEFAULT, tensor.values.data()) < 0) {
    return absl::InternalError(absl::StrCat("cannot read dataset ", name));
  }
  return tensor;
}

absl::StatusOr<Tensor> ReadDataset(hid_t file, const std::string& name) {
  const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  if (dataset < 0) {
    return absl::InternalError(absl::StrCat("no dataset ", name));
  }
  absl::StatusOr<Tensor> tensor = ReadOpenDataset(dataset, name);
  H5Dclose(dataset);
  return tensor;
}

absl::StatusOr<hid_t> OpenHdf5(const std::string& path) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return absl::InternalError(absl::StrCat("cannot open ", path));
  return file;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InternalError(absl::StrCat("cannot open ", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<Json> ReadJson(const std::string& path) {
  ELMO_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InternalError(absl::StrCat(path, " is no JSON"));
  }
  return json;
}

absl::StatusOr<ModelOptions> ReadOptions(const std::string& path) {
  ELMO_ASSIGN_OR_RETURN(const Json json, ReadJson(path));
  const Json& lstm = json["lstm"];
  const Json& cnn = json["char_cnn"];
  ModelOptions options;
  options.lstm.dim = lstm["dim"];
  options.lstm.projection_dim = lstm["projection_dim"];
  options.lstm.num_layers = lstm["n_layers"];
  options.lstm.cell_clip = lstm["cell_clip"];
  options.lstm.proj_clip = lstm["proj_clip"];
  options.lstm.use_skip_connections = lstm["use_skip_connections"];
  options.char_cnn.activation =
      cnn["activation"] == "tanh" ? Activation::kTanh : Activation::kRelu;
  for (const Json& filter : cnn["filters"]) {
    options.char_cnn.filters.push_back({filter[0], filter[1]});
  }
  options.char_cnn.num_highway = cnn["n_highway"];
  options.char_cnn.embedding_dim = cnn["embedding"]["dim"];
  options.char_cnn.max_characters_per_token = cnn["max_characters_per_token"];
  return options;
}

absl::StatusOr<std::unique_ptr<TinyModel>> ReadModel(
    const std::string& directory) {
  ELMO_ASSIGN_OR_RETURN(const ModelOptions options,
                        ReadOptions(directory + "/options.json"));
  ELMO_ASSIGN_OR_RETURN(const hid_t file,
                        OpenHdf5(directory + "/lm_weights.hdf5"));
  absl::Status status;
  auto model = std::make_unique<TinyModel>(
      options,
      [&](const std::string& name, int64_t rows, int64_t cols, float* values) {
        const absl::StatusOr<Tensor> tensor = ReadDataset(file, name);
        if (!tensor.ok()) {
          status.Update(tensor.status());
        } else if (tensor->values.size() != static_cast<size_t>(rows * cols)) {
          status.Update(absl::InternalError("unexpected shape of " + name));
        } else {
          std::copy(tensor->values.begin(), tensor->values.end(), values);
        }
      });
  H5Fclose(file);
  ELMO_RETURN_IF_ERROR(status);
  return model;
}

// The dataset [2, tokens, P] has the directions one after the other; returns
// them side by side.
absl::StatusOr<WantedMatrix> ReadTopLayer(hid_t file, int batch,
                                          size_t num_tokens) {
  ELMO_ASSIGN_OR_RETURN(const Tensor tensor,
                        ReadDataset(file, std::to_string(batch)));
  if (tensor.shape.size() != 3 || tensor.shape[0] != 2 ||
      tensor.shape[1] != num_tokens) {
    return absl::InternalError("unexpected shape of a golden vector");
  }
  const size_t width = tensor.shape[2];
  WantedMatrix top{{}, static_cast<int64_t>(2 * width)};
  for (size_t t = 0; t < num_tokens; ++t) {
    for (size_t direction = 0; direction < 2; ++direction) {
      const float* row = &tensor.values[(direction * num_tokens + t) * width];
      top.values.insert(top.values.end(), row, row + width);
    }
  }
  return top;
}

absl::Status ReadSentences(const std::string& directory, Golden* golden) {
  ELMO_ASSIGN_OR_RETURN(const Json lists,
                        ReadJson(directory + "/sentences.json"));
  for (int row = 0; row < Golden::kRows; ++row) {
    ELMO_ASSIGN_OR_RETURN(
        const hid_t file,
        OpenHdf5(absl::StrCat(directory, "/lm_embeddings_", row, ".hdf5")));
    for (int batch = 0; batch < Golden::kBatches; ++batch) {
      std::vector<std::string>& sentence = golden->sentences[row][batch];
      sentence = absl::StrSplit(std::string(lists[row][batch]), ' ');
      ELMO_ASSIGN_OR_RETURN(golden->top_layer[row][batch],
                            ReadTopLayer(file, batch, sentence.size()));
    }
    H5Fclose(file);
  }
  return absl::OkStatus();
}

absl::Status ReadVocabulary(const std::string& directory, Golden* golden) {
  ELMO_ASSIGN_OR_RETURN(const std::string text,
                        ReadText(directory + "/vocab_test.txt"));
  golden->vocabulary = absl::StrSplit(text, '\n');
  ELMO_ASSIGN_OR_RETURN(const hid_t file,
                        OpenHdf5(directory + "/elmo_token_embeddings.hdf5"));
  ELMO_ASSIGN_OR_RETURN(const Tensor tensor, ReadDataset(file, "embedding"));
  H5Fclose(file);
  if (tensor.shape.size() != 2 ||
      tensor.shape[0] != golden->vocabulary.size()) {
    return absl::InternalError("unexpected shape of the token vectors");
  }
  golden->token_vectors.values.assign(tensor.values.begin(),
                                      tensor.values.end());
  golden->token_vectors.cols = static_cast<int64_t>(tensor.shape[1]);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Golden>> LoadGolden(
    const std::string& directory) {
  auto golden = std::make_unique<Golden>();
  ELMO_ASSIGN_OR_RETURN(golden->model, ReadModel(directory));
  ELMO_RETURN_IF_ERROR(ReadSentences(directory, golden.get()));
  ELMO_RETURN_IF_ERROR(ReadVocabulary(directory, golden.get()));
  return golden;
}

}  // namespace elmo::testing
