#include "core/text/web_spans.h"

#include <algorithm>
#include <string_view>

namespace elmo {
namespace {

bool IsAsciiLetter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsOneOf(char32_t c, std::string_view characters) {
  return c < 128 && c != 0 &&
         characters.find(static_cast<char>(c)) != std::string_view::npos;
}

// Whether units from `first` on are those of `lower`, in either case.
bool Matches(const TextUnits& text, size_t first, std::string_view lower) {
  for (size_t i = 0; i < lower.size(); ++i) {
    if (first + i >= text.size()) return false;
    char32_t c = text.units[first + i].code_point;
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if (c != static_cast<char32_t>(lower[i])) return false;
  }
  return true;
}

// [word, end) is letters alone and "://x" follows.
bool HasScheme(const TextUnits& text, size_t word, size_t end) {
  if (!Matches(text, end, "://") || !IsAlnum(text.units[end + 3])) {
    return false;
  }
  constexpr size_t kLongestScheme = 16;
  if (end - word > kLongestScheme) return false;
  return std::all_of(
      text.units.begin() + word, text.units.begin() + end,
      [](const TextUnit& unit) { return IsAsciiLetter(unit.code_point); });
}

// [word, end) looks like host.tld: its last two letters or more follow a
// period.
bool IsHost(const TextUnits& text, size_t word, size_t end) {
  size_t i = end;
  while (i > word && IsAsciiLetter(text.units[i - 1].code_point)) --i;
  return end - i >= 2 && i > word + 1 && text.units[i - 1].code_point == '.';
}

// Characters of an address: RFC 3986's, and letters of every script.
bool IsUrlUnit(const TextUnit& unit) {
  return IsAlnum(unit) || unit.kind == UnitKind::kUnspaced ||
         IsOneOf(unit.code_point, "-._~:/?#[]@!$&'()*+,;=%");
}

// Takes off what belongs to the sentence around the address.
size_t TrimUrl(const TextUnits& text, size_t word, size_t end) {
  int open = 0;
  for (size_t i = word; i < end; ++i) {
    const char32_t c = text.units[i].code_point;
    if (c == '(') ++open;
    if (c == ')') --open;
  }
  while (end > word) {
    const char32_t c = text.units[end - 1].code_point;
    if (c == ')') {
      if (open >= 0) break;
      ++open;
    } else if (!IsOneOf(c, ".,;:!?'*[]")) {
      break;
    }
    --end;
  }
  return end;
}

}  // namespace

size_t FindUrlEnd(const TextUnits& text, size_t word, size_t end) {
  const bool is_address =
      HasScheme(text, word, end) ||
      (IsOneOf(text.units[end].code_point, "/?#:") &&
       IsAlnum(text.units[end + 1]) && IsHost(text, word, end) &&
       (text.units[end].code_point == '/' || Matches(text, word, "www.")));
  if (!is_address) return 0;
  size_t i = end;
  while (i < text.size() && IsUrlUnit(text.units[i])) ++i;
  return TrimUrl(text, word, i);
}

size_t FindEmailEnd(const TextUnits& text, size_t word, size_t end) {
  constexpr size_t kLongestLocalPart = 64;  // RFC 5321.
  size_t at = end;
  while (at < text.size() && at - word <= kLongestLocalPart &&
         (IsAlnum(text.units[at]) ||
          IsOneOf(text.units[at].code_point, "._%+-"))) {
    ++at;
  }
  if (text.units[at].code_point != '@') return 0;
  size_t i = at + 1;
  size_t last_period = 0;
  while (IsAlnum(text.units[i]) ||
         (IsOneOf(text.units[i].code_point, ".-") &&
          IsAlnum(text.units[i - 1]) && IsAlnum(text.units[i + 1]))) {
    if (text.units[i].code_point == '.') last_period = i;
    ++i;
  }
  const bool has_host =
      last_period != 0 && text.units[last_period + 1].kind == UnitKind::kLetter;
  return has_host ? i : 0;
}

size_t FindTagEnd(const TextUnits& text, size_t sign) {
  bool has_letter = false;
  size_t i = sign + 1;
  for (;; ++i) {
    const UnitKind kind = text.units[i].kind;
    if (kind == UnitKind::kLetter || kind == UnitKind::kUnspaced) {
      has_letter = true;
    } else if (kind != UnitKind::kDigit && kind != UnitKind::kUnderscore) {
      break;
    }
  }
  return has_letter ? i : 0;
}

}  // namespace elmo
