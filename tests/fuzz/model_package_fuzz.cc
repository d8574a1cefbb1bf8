// Any bytes as model.safetensors, beside a fixed options.json of a tiny model:
// an error or a package. The first byte chooses what the rest is:
//   even  the whole file;
//   odd   the header alone: its length is put before it, tensors after it.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/base/check.h"
#include "core/model/file_io.h"
#include "core/model/model_package.h"
#include "core/model/weight_layout.h"

namespace elmo {
namespace {

ModelOptions TinyOptions() {
  ModelOptions options;
  options.lstm.dim = 3;
  options.lstm.projection_dim = 2;
  options.char_cnn.filters = {{2, 3}};
  options.char_cnn.num_highway = 1;
  options.char_cnn.embedding_dim = 1;
  return options;
}

// A package's folder whose tensors are a file in memory.
class Folder {
 public:
  Folder() : fd_(::memfd_create("model.safetensors", MFD_CLOEXEC)) {
    char path[] = "/tmp/elmo-fuzz-XXXXXX";
    ELMO_CHECK(fd_ >= 0 && ::mkdtemp(path) != nullptr);
    path_ = path;
    ELMO_CHECK(WriteNewFile(path_ + "/options.json",
                            {FormatModelOptions(TinyOptions())})
                   .ok());
    std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(fd_),
                                    path_ + "/model.safetensors");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  void SetTensors(const std::string& bytes) {
    ELMO_CHECK(::ftruncate(fd_, 0) == 0);
    ELMO_CHECK(::pwrite(fd_, bytes.data(), bytes.size(), 0) ==
               static_cast<ssize_t>(bytes.size()));
  }

 private:
  const int fd_;
  std::string path_;
};

std::string TensorsFile(const uint8_t* data, size_t size) {
  const std::string rest(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 0) return rest;
  const uint64_t length = rest.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  const int64_t parameters = NumParameters(TinyOptions());
  return file + rest +
         std::string(static_cast<size_t>(parameters) * sizeof(float), '\0');
}

}  // namespace
}  // namespace elmo

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static elmo::Folder* const folder = new elmo::Folder();
  if (size == 0) return 0;
  folder->SetTensors(elmo::TensorsFile(data, size));
  const auto package = elmo::ModelPackage::Load(folder->path());
  if (!package.ok()) {
    ELMO_CHECK(!package.status().message().empty());
    return 0;
  }
  const elmo::WeightLayout layout((*package)->options());
  ELMO_CHECK(layout.List((*package)->weights()).ok());
  return 0;
}
