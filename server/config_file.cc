#include "server/config_file.h"

#include <CLI/CLI.hpp>
#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

absl::Status BadLine(int line, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", why));
}

// As a message may hold it: a file that is none of ours, too.
std::string Shown(absl::string_view key) {
  return absl::StrCat("\"", absl::CHexEscape(key.substr(0, 60)), "\"");
}

// The key of a line, checked as far as it goes without its value.
absl::StatusOr<std::string> KeyOf(absl::string_view content, int line,
                                  const std::set<std::string>& known) {
  if (content[0] == '[') {
    return BadLine(line, "sections are not supported; only \"key = value\"");
  }
  const size_t equals = content.find('=');
  const std::string key(absl::StripAsciiWhitespace(content.substr(0, equals)));
  if (known.count(key) == 0) {
    return BadLine(line, absl::StrCat("unknown key ", Shown(key)));
  }
  if (equals == absl::string_view::npos) {
    return BadLine(line, absl::StrCat(key, " has no \"= value\""));
  }
  const absl::string_view value =
      absl::StripAsciiWhitespace(content.substr(equals + 1));
  if (value.empty() || value[0] == '#') {
    return BadLine(line, absl::StrCat(key, " has an empty value"));
  }
  if (value[0] == '[' && value.find(']') == absl::string_view::npos) {
    return BadLine(line, absl::StrCat(key, ": a list must end on its line"));
  }
  return key;
}

absl::StatusOr<std::vector<std::string>> ValuesOf(absl::string_view content,
                                                  const std::string& key,
                                                  int line) {
  try {
    std::istringstream stream{std::string(content)};
    const std::vector<CLI::ConfigItem> items =
        CLI::ConfigBase().from_config(stream);
    if (items.size() == 1 && items[0].name == key && items[0].parents.empty() &&
        !items[0].inputs.empty()) {
      return items[0].inputs;
    }
  } catch (const std::exception&) {  // Bad escapes; out of memory.
  }
  return BadLine(line, absl::StrCat("the value of ", key, " is malformed"));
}

}  // namespace

absl::StatusOr<std::vector<ConfigEntry>> ParseConfig(
    absl::string_view text, const std::set<std::string>& known) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", kMaxBytes, " bytes"));
  }
  std::vector<ConfigEntry> entries;
  std::map<std::string, int> seen;
  int line = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++line;
    const absl::string_view content = absl::StripAsciiWhitespace(raw);
    if (content.empty() || content[0] == '#') continue;
    ConfigEntry entry;
    entry.line = line;
    ELMO_ASSIGN_OR_RETURN(entry.key, KeyOf(content, line, known));
    const auto [first, is_new] = seen.emplace(entry.key, line);
    if (!is_new) {
      return BadLine(line, absl::StrCat(entry.key, " stands in line ",
                                        first->second, " already"));
    }
    ELMO_ASSIGN_OR_RETURN(entry.values, ValuesOf(content, entry.key, line));
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace elmo
