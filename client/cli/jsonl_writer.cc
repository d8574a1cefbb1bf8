#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/vector_text.h"
#include "client/cli/vector_writer.h"

namespace elmo::cli {
namespace {

class JsonlWriter : public VectorWriter {
 public:
  explicit JsonlWriter(OutputFile* output) : output_(*output) {}

  absl::Status Write(const SentenceRecord& record) override {
    line_.clear();
    line_ += '{';
    AppendSentenceFields(record, &line_);
    absl::StrAppend(&line_, ",\"shape\":[",
                    absl::StrJoin(record.vectors.shape, ","), "],\"vectors\":");
    const float* next = record.vectors.values.data();
    AppendNested(record.vectors.shape, 0, &next);
    line_ += "}\n";
    return output_.Write(line_);
  }

 private:
  // Dimension `axis` and those below it, from *next on.
  void AppendNested(const std::vector<int64_t>& shape, size_t axis,
                    const float** next) {
    if (axis == shape.size()) return AppendFloat(*(*next)++, &line_);
    line_ += '[';
    for (int64_t i = 0; i < shape[axis]; ++i) {
      if (i > 0) line_ += ',';
      AppendNested(shape, axis + 1, next);
    }
    line_ += ']';
  }

  OutputFile& output_;
  std::string line_;  // Kept for its memory.
};

}  // namespace

std::unique_ptr<VectorWriter> MakeJsonlWriter(OutputFile* output) {
  return std::make_unique<JsonlWriter>(output);
}

}  // namespace elmo::cli
