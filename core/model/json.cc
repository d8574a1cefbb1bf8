#include "core/model/json.h"

#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 16;

// Brackets outside strings. Whether they match is left to the parser.
bool IsNestedTooDeeply(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// The library keeps the last of two equal keys. Which one was meant is not for
// us to guess.
class DuplicateKeys {
 public:
  void Observe(json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) {
      open_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == json::parse_event_t::key &&
               !open_.back()
                    .insert(parsed.get_ref<const std::string&>())
                    .second &&
               duplicate_.is_null()) {
      duplicate_ = parsed;
    }
  }
  // Null where there is none.
  const json& duplicate() const { return duplicate_; }

 private:
  std::vector<std::set<std::string>> open_;
  json duplicate_;
};

}  // namespace

absl::StatusOr<json> ParseJsonObject(std::string_view text) {
  if (text.size() > kMaxJsonBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the JSON text has ", text.size(), " bytes; limit is ", kMaxJsonBytes));
  }
  // The library takes a NUL for the end and would ignore what follows.
  if (const size_t nul = text.find('\0'); nul != text.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("not valid JSON: NUL at byte ", nul + 1));
  }
  if (IsNestedTooDeeply(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the JSON text is nested deeper than ", kMaxDepth));
  }
  DuplicateKeys keys;
  json root;
  try {
    root = json::parse(text.begin(), text.end(),
                       [&keys](int, json::parse_event_t event, json& parsed) {
                         keys.Observe(event, parsed);
                         return true;
                       });
  } catch (const json::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not valid JSON: syntax error at byte ", error.byte));
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not valid JSON: error ", error.id));
  }
  if (!keys.duplicate().is_null()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "key ", JsonForMessage(keys.duplicate()), " stands twice"));
  }
  if (!root.is_object()) {
    return absl::InvalidArgumentError("the JSON text is not an object");
  }
  return root;
}

std::string JsonForMessage(const json& value) {
  constexpr size_t kMaxBytes = 60;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true,
                                json::error_handler_t::replace);
  if (text.size() > kMaxBytes) text = text.substr(0, kMaxBytes) + "...";
  return text;
}

}  // namespace elmo
