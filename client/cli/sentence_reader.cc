#include "client/cli/sentence_reader.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/text_width.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

using nlohmann::json;

absl::Status BadLine(const std::string& what) {
  return absl::FailedPreconditionError(what);
}

absl::StatusOr<v1::Sentence> TextOf(const json& value) {
  if (!value.is_string()) return BadLine("text is not a string");
  return TextSentence(value.get<std::string>());
}

absl::StatusOr<v1::Sentence> TokensOf(const json& value) {
  if (!value.is_array()) return BadLine("tokens is not an array");
  v1::Sentence sentence;
  for (const json& token : value) {
    if (!token.is_string()) return BadLine("a token is not a string");
    sentence.add_tokens(token.get<std::string>());
  }
  return sentence;
}

absl::StatusOr<v1::Sentence> ObjectOf(const json& value, std::string* id) {
  const auto text = value.find("text");
  const auto tokens = value.find("tokens");
  if ((text == value.end()) == (tokens == value.end())) {
    return BadLine("the object must have either text or tokens");
  }
  if (const auto given = value.find("id"); given != value.end()) {
    *id = given->dump();
  }
  return text != value.end() ? TextOf(*text) : TokensOf(*tokens);
}

absl::StatusOr<std::optional<v1::Sentence>> ParseJson(const std::string& line,
                                                      std::string* id) {
  if (line.find_first_not_of(" \t") == std::string::npos) return std::nullopt;
  const json value =
      json::parse(line, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return BadLine("not valid JSON");
  if (value.is_string()) return TextOf(value);
  if (value.is_array()) return TokensOf(value);
  if (value.is_object()) return ObjectOf(value, id);
  return BadLine("neither a string, an array nor an object");
}

InputFormat FormatOf(const std::string& path, InputFormat format) {
  if (format != InputFormat::kAuto) return format;
  return absl::EndsWith(path, ".jsonl") || absl::EndsWith(path, ".ndjson")
             ? InputFormat::kJsonl
             : InputFormat::kText;
}

}  // namespace

absl::StatusOr<std::optional<v1::Sentence>> ParseLine(const std::string& line,
                                                      InputFormat format,
                                                      std::string* id) {
  id->clear();
  if (!IsUtf8(line)) return BadLine("not valid UTF-8");
  switch (format) {
    case InputFormat::kJsonl:
      return ParseJson(line, id);
    case InputFormat::kTokens:
      return TokenSentence(
          absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty()));
    default:
      return TextSentence(line);
  }
}

absl::StatusOr<std::unique_ptr<SentenceReader>> SentenceReader::Open(
    const std::vector<std::string>& paths, InputFormat format) {
  std::unique_ptr<SentenceReader> reader(new SentenceReader(paths, format));
  ELMO_RETURN_IF_ERROR(reader->MeasureInputs());
  return reader;
}

SentenceReader::SentenceReader(const std::vector<std::string>& paths,
                               InputFormat format)
    : paths_(paths), format_(format) {}

absl::Status SentenceReader::MeasureInputs() {
  bool measurable = true;
  for (const std::string& path : paths_) {
    ELMO_ASSIGN_OR_RETURN(const int64_t size, LineReader::SizeOf(path));
    total_bytes_ += size;
    measurable = measurable && size > 0;
  }
  if (!measurable) total_bytes_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<bool> SentenceReader::OpenNext() {
  if (next_path_ == paths_.size()) return false;
  const std::string& path = paths_[next_path_++];
  ELMO_ASSIGN_OR_RETURN(lines_, LineReader::Open(path));
  current_format_ = FormatOf(path, format_);
  return true;
}

absl::StatusOr<std::optional<v1::Sentence>> SentenceReader::Next() {
  std::string line;
  while (true) {
    if (lines_ == nullptr) {
      ELMO_ASSIGN_OR_RETURN(const bool opened, OpenNext());
      if (!opened) return std::nullopt;
    }
    ELMO_ASSIGN_OR_RETURN(const bool got, lines_->Next(&line));
    if (!got) {
      bytes_before_ += lines_->bytes_read();
      lines_.reset();
      continue;
    }
    SentenceOrigin origin;
    origin.place = absl::StrCat(lines_->name(), ":", lines_->line_number());
    origin.end_bytes = bytes_before_ + lines_->bytes_read();
    auto sentence = ParseLine(line, current_format_, &origin.id);
    if (!sentence.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(origin.place, ": ", sentence.status().message()));
    }
    if (!*sentence) continue;
    origins_.push_back(std::move(origin));
    return sentence;
  }
}

bool SentenceReader::MustWait() {
  return lines_ != nullptr && lines_->MustWait();
}

SentenceOrigin SentenceReader::TakeOrigin() {
  SentenceOrigin origin = std::move(origins_.front());
  origins_.pop_front();
  ++num_taken_;
  return origin;
}

std::string SentenceReader::PlaceOf(int64_t index) const {
  const int64_t at = index - num_taken_;
  if (at < 0 || at >= static_cast<int64_t>(origins_.size())) return "";
  return origins_[static_cast<size_t>(at)].place;
}

}  // namespace elmo::cli
