#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/vector_text.h"
#include "client/cli/vector_writer.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"\t", "\\t"}, {"\n", "\\n"}, {"\r", "\\r"}, {"\\", "\\\\"}});
}

// A string without its quotes, other JSON as it is.
std::string IdText(const std::string& id) {
  const auto value = nlohmann::json::parse(id, nullptr, false);
  return Escaped(value.is_string() ? value.get<std::string>() : id);
}

class TsvWriter : public VectorWriter {
 public:
  TsvWriter(const VectorLayout& layout, OutputFile* output)
      : layout_(layout), output_(*output) {}

  absl::Status Write(const SentenceRecord& record) override {
    if (!has_header_) ELMO_RETURN_IF_ERROR(WriteHeader(record.vectors.dim));
    const std::string name =
        record.id.empty() ? absl::StrCat(record.number) : IdText(record.id);
    for (int64_t layer = 0; layer < record.vectors.layers; ++layer) {
      for (int64_t row = 0; row < record.vectors.rows; ++row) {
        line_ = name;
        AppendLayer(layer);
        if (layout_.has_rows) AppendToken(record.vectors, row);
        AppendVector(record.vectors.vector(layer, row), record.vectors.dim);
        ELMO_RETURN_IF_ERROR(output_.Write(line_));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status WriteHeader(int64_t dim) {
    has_header_ = true;
    line_ = "sentence";
    if (layout_.has_layers) line_ += "\tlayer";
    if (layout_.has_rows) line_ += "\ttoken_index\ttoken";
    for (int64_t i = 0; i < dim; ++i) absl::StrAppend(&line_, "\tv", i);
    line_ += '\n';
    return output_.Write(line_);
  }

  void AppendLayer(int64_t layer) {
    if (!layout_.has_layers) return;
    const auto at = static_cast<size_t>(layer);
    absl::StrAppend(&line_, "\t",
                    at < layout_.layers.size() ? layout_.layers[at] : layer);
  }

  void AppendToken(const SentenceVectors& vectors, int64_t row) {
    absl::StrAppend(&line_, "\t", row, "\t");
    const int64_t at = row - (layout_.boundaries ? 1 : 0);
    const auto count = static_cast<int64_t>(vectors.tokens.size());
    if (at < 0) {
      line_ += "<S>";
    } else if (at < count) {
      line_ += Escaped(vectors.tokens[static_cast<size_t>(at)].text());
    } else {
      line_ += "</S>";
    }
  }

  void AppendVector(const float* vector, int64_t dim) {
    for (int64_t i = 0; i < dim; ++i) {
      line_ += '\t';
      AppendFloat(vector[i], &line_);
    }
    line_ += '\n';
  }

  const VectorLayout layout_;
  OutputFile& output_;
  bool has_header_ = false;
  std::string line_;  // Kept for its memory.
};

}  // namespace

std::unique_ptr<VectorWriter> MakeTsvWriter(const VectorLayout& layout,
                                            OutputFile* output) {
  return std::make_unique<TsvWriter>(layout, output);
}

}  // namespace elmo::cli
