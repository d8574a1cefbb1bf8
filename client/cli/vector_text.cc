#include "client/cli/vector_text.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace elmo::cli {
namespace {

void AppendOffsets(const std::vector<v1::Token>& tokens, std::string* out) {
  for (const v1::Token& token : tokens) {
    if (!token.has_begin() || !token.has_end()) return;
  }
  out->append(",\"offsets\":[");
  for (size_t i = 0; i < tokens.size(); ++i) {
    absl::StrAppend(out, i == 0 ? "[" : ",[", tokens[i].begin(), ",",
                    tokens[i].end(), "]");
  }
  out->append("]");
}

}  // namespace

void AppendFloat(float value, std::string* out) {
  if (!std::isfinite(value)) {
    out->append("null");
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->append(digits, end);
}

void AppendSentenceFields(const SentenceRecord& record, std::string* out) {
  absl::StrAppend(out, "\"sentence\":", record.number);
  if (!record.id.empty()) absl::StrAppend(out, ",\"id\":", record.id);
  const std::vector<v1::Token>& tokens = record.vectors.tokens;
  out->append(",\"tokens\":[");
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out->push_back(',');
    // `replace`: the other choice throws, where a server sends no UTF-8.
    out->append(
        nlohmann::json(tokens[i].text())
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  out->append("]");
  AppendOffsets(tokens, out);
}

}  // namespace elmo::cli
