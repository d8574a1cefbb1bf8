#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/cli/vector_text.h"
#include "client/cli/vector_writer.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

// Magic, version 1.0, length of the rest: a Python dict, filled up with blanks
// so that the numbers start at a multiple of 64 bytes. 128 have room for any
// shape; being fixed, the header can be rewritten when the shape is known.
constexpr size_t kHeaderBytes = 128;
constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using TemporaryFile = std::unique_ptr<std::FILE, CloseFile>;

class NpyWriter : public VectorWriter {
 public:
  NpyWriter(const VectorLayout& layout, OutputFile* output, OutputFile* index)
      : layout_(layout), output_(*output), index_(index) {}

  absl::Status Write(const SentenceRecord& record) override {
    const SentenceVectors& vectors = record.vectors;
    if (!started_) ELMO_RETURN_IF_ERROR(Start(vectors));
    if (vectors.layers != layers_ || vectors.dim != dim_) {
      return absl::FailedPreconditionError(absl::StrCat(
          "sentence ", record.number, " has vectors of ", vectors.layers, " x ",
          vectors.dim, " numbers, those before it ", layers_, " x ", dim_,
          ": the server's model has changed"));
    }
    if (index_ != nullptr) ELMO_RETURN_IF_ERROR(WriteIndex(record));
    for (int64_t row = 0; row < vectors.rows; ++row) {
      for (int64_t layer = 0; layer < layers_; ++layer) {
        const auto* bytes =
            reinterpret_cast<const char*>(vectors.vector(layer, row));
        ELMO_RETURN_IF_ERROR(
            Append({bytes, static_cast<size_t>(dim_) * sizeof(float)}));
      }
    }
    rows_ += vectors.rows;
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (output_.is_replaced_whole()) {
      // Without a sentence there is no header yet; this is then the first.
      return output_.WriteAtStart(Header());
    }
    ELMO_RETURN_IF_ERROR(output_.Write(Header()));
    return CopyWaiting();
  }

 private:
  absl::Status Start(const SentenceVectors& first) {
    started_ = true;
    layers_ = first.layers;
    dim_ = first.dim;
    if (output_.is_replaced_whole()) return output_.Write(Header());
    waiting_.reset(std::tmpfile());
    return waiting_ != nullptr ? absl::OkStatus() : WaitingError();
  }

  absl::Status Append(std::string_view bytes) {
    if (waiting_ == nullptr) return output_.Write(bytes);
    const size_t done =
        std::fwrite(bytes.data(), 1, bytes.size(), waiting_.get());
    return done == bytes.size() ? absl::OkStatus() : WaitingError();
  }

  absl::Status CopyWaiting() {
    if (waiting_ == nullptr) return absl::OkStatus();
    if (std::fseek(waiting_.get(), 0, SEEK_SET) != 0) return WaitingError();
    std::string block(1 << 20, '\0');
    size_t got;
    while ((got = std::fread(block.data(), 1, block.size(), waiting_.get())) >
           0) {
      ELMO_RETURN_IF_ERROR(output_.Write({block.data(), got}));
    }
    return std::ferror(waiting_.get()) ? WaitingError() : absl::OkStatus();
  }

  static absl::Status WaitingError() {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot keep the vectors in a temporary file (",
                     std::strerror(errno), "); --output FILE needs none"));
  }

  absl::Status WriteIndex(const SentenceRecord& record) {
    std::string line = "{";
    AppendSentenceFields(record, &line);
    absl::StrAppend(&line, ",\"row\":", rows_,
                    ",\"rows\":", record.vectors.rows, "}\n");
    return index_->Write(line);
  }

  std::string Header() const {
    const std::string layers =
        layout_.has_layers ? absl::StrCat(layers_, ", ") : "";
    const std::string dict =
        absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                     rows_, ", ", layers, dim_, "), }");
    std::string header(kMagic);
    const size_t rest = kHeaderBytes - kMagic.size() - 2;
    header += static_cast<char>(rest & 0xff);
    header += static_cast<char>(rest >> 8);
    header += dict;
    header.resize(kHeaderBytes - 1, ' ');
    header += '\n';
    return header;
  }

  const VectorLayout layout_;
  OutputFile& output_;
  OutputFile* const index_;
  TemporaryFile waiting_;  // Rows, where the output cannot be rewritten.
  bool started_ = false;
  int64_t rows_ = 0;
  int64_t layers_ = 0;
  int64_t dim_ = 0;
};

}  // namespace

std::unique_ptr<VectorWriter> MakeNpyWriter(const VectorLayout& layout,
                                            OutputFile* output,
                                            OutputFile* index) {
  return std::make_unique<NpyWriter>(layout, output, index);
}

}  // namespace elmo::cli
