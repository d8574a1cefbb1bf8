#include "core/text/word_rules.h"

#include <unicode/uchar.h>

#include <string_view>

#include "core/text/english.h"

namespace elmo {
namespace {

// Longer words are in none of our lists.
constexpr size_t kLongestListed = 12;

bool IsUpper(char32_t c) { return u_isUUppercase(static_cast<UChar32>(c)); }

int WordBreak(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_WORD_BREAK);
}

bool IsClosing(char32_t c) {
  switch (c) {
    case '"':
    case '\'':
      return true;
    default:
      break;
  }
  const int type = u_charType(static_cast<UChar32>(c));
  return type == U_END_PUNCTUATION || type == U_FINAL_PUNCTUATION;
}

bool IsOpening(char32_t c) {
  if (c == '"' || c == '\'' || c == '`') return true;
  const int type = u_charType(static_cast<UChar32>(c));
  return type == U_START_PUNCTUATION || type == U_INITIAL_PUNCTUATION;
}

// The unit between two digits that makes one number of them.
bool JoinsDigits(char32_t c) {
  if (c == ',' || c == ':' || c == '/') return true;
  if (c < 128) return false;
  const int value = WordBreak(c);
  return value == U_WB_MIDNUM || value == U_WB_NUMERIC;  // Both are Arabic.
}

// The unit between two letters that makes one word of them.
bool JoinsLetters(const TextUnits& text, size_t i) {
  const char32_t before = text.units[i - 1].code_point;
  const char32_t c = text.units[i].code_point;
  const char32_t after = text.units[i + 1].code_point;
  if (c == '&') return IsUpper(before) && IsUpper(after);
  if (c == '"') {  // Typed for the Hebrew gershayim.
    return before > 127 && WordBreak(before) == U_WB_HEBREW_LETTER &&
           WordBreak(after) == U_WB_HEBREW_LETTER;
  }
  return c > 127 && WordBreak(c) == U_WB_MIDLETTER;
}

// The start of the part of a word, between periods and hyphens, that ends at
// `end`. Looks no further back than kLongestListed.
size_t PartStart(const TextUnits& text, size_t first, size_t end) {
  size_t i = end;
  while (i > first && end - i <= kLongestListed && IsAlnum(text.units[i - 1])) {
    --i;
  }
  return i;
}

// The period at `i` inside a word, before a hyphen: U.S.-based, J.-P., St.-Lo.
bool JoinsWithHyphen(const TextUnits& text, size_t first, size_t i) {
  if (text.units[i + 1].kind != UnitKind::kHyphen ||
      !IsAlnum(text.units[i + 2])) {
    return false;
  }
  const size_t part = PartStart(text, first, i);
  if (i - part == 1) return text.units[part].kind == UnitKind::kLetter;
  return FindAbbreviation(LowerAscii(text, part, i),
                          IsUpper(text.units[part].code_point)) !=
         Abbreviation::kNone;
}

// How many units at `i`, no letters or digits, do not end the word that starts
// at `first` and goes on behind them; 0: it ends here.
size_t JoinerLength(const TextUnits& text, size_t first, size_t i) {
  if (i == first) return 0;
  const TextUnit& before = text.units[i - 1];
  const TextUnit& unit = text.units[i];
  const TextUnit& after = text.units[i + 1];
  switch (unit.kind) {
    case UnitKind::kHyphen:
    case UnitKind::kSoftHyphen:
      return IsAlnum(after) ? 1 : 0;
    case UnitKind::kApostrophe:
      if (IsAlnum(after)) return 1;
      // will-o'-the-wisp
      return after.kind == UnitKind::kHyphen && IsAlnum(text.units[i + 2]) ? 2
                                                                           : 0;
    case UnitKind::kUnderscore: {
      size_t j = i;
      while (text.units[j].kind == UnitKind::kUnderscore) ++j;
      return IsAlnum(text.units[j]) ? j - i : 0;
    }
    case UnitKind::kOther:
      break;
    default:
      return 0;
  }
  if (unit.code_point == '.') {
    if (JoinsWithHyphen(text, first, i)) return 2;
    return IsAlnum(before) && IsAlnum(after) ? 1 : 0;
  }
  if (!IsAlnum(before) || !IsAlnum(after)) return 0;
  const bool between_digits =
      before.kind == UnitKind::kDigit && after.kind == UnitKind::kDigit;
  if (between_digits && JoinsDigits(unit.code_point)) return 1;
  return JoinsLetters(text, i) ? 1 : 0;
}

// U.S, e.g, Ph.D, J.-P: short parts of letters, one at least a single letter.
bool IsAcronym(const TextUnits& text, size_t first, size_t end) {
  size_t part_length = 0;
  bool has_period = false;
  bool has_single = false;
  for (size_t i = first; i <= end; ++i) {
    const TextUnit& unit = text.units[i];
    const bool ends_part =
        i == end || unit.code_point == '.' || unit.kind == UnitKind::kHyphen;
    if (!ends_part) {
      if (unit.kind != UnitKind::kLetter || ++part_length > 2) return false;
      continue;
    }
    has_single = has_single || part_length == 1;
    has_period = has_period || (i < end && unit.code_point == '.');
    part_length = 0;
  }
  return has_period && has_single;
}

// What comes behind the period at `period`, closing marks left out.
struct Follower {
  bool is_end = false;     // Of the text.
  bool is_spaced = false;  // There are separators in between.
  bool is_closed = false;  // There are closing marks in between.
  size_t unit = 0;
};

Follower FindFollower(const TextUnits& text, size_t period) {
  Follower follower;
  size_t i = period + 1;
  while (i < text.size() && IsClosing(text.units[i].code_point)) {
    follower.is_closed = true;
    ++i;
  }
  while (i < text.size() && text.units[i].kind == UnitKind::kSeparator) {
    follower.is_spaced = true;
    ++i;
  }
  while (follower.is_spaced && i < text.size() &&
         IsOpening(text.units[i].code_point)) {
    ++i;
  }
  follower.is_end = i >= text.size();
  follower.unit = i;
  return follower;
}

// A single capital letter with a period, and then no letter.
bool IsInitial(const TextUnits& text, size_t i) {
  return IsUpper(text.units[i].code_point) &&
         text.units[i + 1].code_point == '.' && !IsAlnum(text.units[i + 2]);
}

bool FollowsInitial(const TextUnits& text, size_t first) {
  size_t i = first;
  while (i > 0 && text.units[i - 1].kind == UnitKind::kSeparator) --i;
  return i >= 2 && text.units[i - 1].code_point == '.' &&
         IsUpper(text.units[i - 2].code_point) && IsAtOpening(text, i - 2);
}

// "J." of a name. "I." ends a sentence more often than not.
bool SingleLetterKeepsPeriod(const TextUnits& text, size_t first,
                             const Follower& next) {
  const char32_t c = text.units[first].code_point;
  if (c == 'I') {
    return IsInitial(text, next.unit) || FollowsInitial(text, first);
  }
  if (IsUpper(c)) return true;
  // "p. 5", "c. 1900", "b. 1970", "Roe v. Wade".
  return c == 'v' || text.units[next.unit].kind == UnitKind::kDigit;
}

bool IsRomanNumeral(const TextUnits& text, size_t i) {
  const size_t first = i;
  while (text.units[i].code_point != 0 &&
         std::u32string_view(U"IVXLCDM").find(text.units[i].code_point) !=
             std::u32string_view::npos) {
    ++i;
  }
  return i > first && !IsAlnum(text.units[i]);
}

bool AbbreviationKeepsPeriod(const TextUnits& text, Abbreviation kind,
                             std::string_view word, const Follower& next) {
  const TextUnit& unit = text.units[next.unit];
  const bool before_digit = unit.kind == UnitKind::kDigit;
  switch (kind) {
    case Abbreviation::kNone:
      return false;
    case Abbreviation::kTitle:
      return true;
    case Abbreviation::kBeforeNumber:
      // "no. I did": a word more often than a number.
      return before_digit || (word != "no" && IsRomanNumeral(text, next.unit));
    case Abbreviation::kAny:
      break;
  }
  if (before_digit || !next.is_spaced) return true;
  if (unit.kind == UnitKind::kLetter) return !IsUpper(unit.code_point);
  return !next.is_closed;
}

}  // namespace

bool IsAtOpening(const TextUnits& text, size_t i) {
  if (i == 0) return true;
  const TextUnit& before = text.units[i - 1];
  if (before.kind == UnitKind::kSeparator) return true;
  if (IsOpening(before.code_point)) {
    // A straight mark opens only where it could itself.
    const int type = u_charType(static_cast<UChar32>(before.code_point));
    if (type == U_START_PUNCTUATION || type == U_INITIAL_PUNCTUATION) {
      return true;
    }
    return i == 1 || text.units[i - 2].kind == UnitKind::kSeparator;
  }
  const bool is_dash =
      u_charType(static_cast<UChar32>(before.code_point)) == U_DASH_PUNCTUATION;
  return is_dash && (before.kind != UnitKind::kHyphen ||
                     (i >= 2 && text.units[i - 2].kind == UnitKind::kHyphen));
}

size_t FindWordEnd(const TextUnits& text, size_t first) {
  size_t i = first;
  while (true) {
    if (IsAlnum(text.units[i])) {
      ++i;
    } else if (const size_t joiner = JoinerLength(text, first, i)) {
      i += joiner;
    } else {
      return i;
    }
  }
}

bool KeepsPeriod(const TextUnits& text, size_t first, size_t end) {
  if (IsAcronym(text, first, end)) return true;
  const size_t part = PartStart(text, first, end);
  if (end - part == 0 || end - part > kLongestListed) return false;
  if (end - part == 1 && part != first) return false;
  const Follower next = FindFollower(text, end);
  if (next.is_end) return false;
  if (end - part == 1 && text.units[part].kind == UnitKind::kLetter) {
    return SingleLetterKeepsPeriod(text, part, next);
  }
  const std::string word = LowerAscii(text, part, end);
  const bool capitalised = IsUpper(text.units[part].code_point);
  return AbbreviationKeepsPeriod(text, FindAbbreviation(word, capitalised),
                                 word, next);
}

std::string LowerAscii(const TextUnits& text, size_t first, size_t end) {
  std::string word;
  if (end - first > kLongestListed) return word;
  for (size_t i = first; i < end; ++i) {
    const TextUnit& unit = text.units[i];
    if (unit.kind == UnitKind::kApostrophe) {
      word += '\'';
    } else if (unit.code_point < 128) {
      word +=
          static_cast<char>(u_tolower(static_cast<UChar32>(unit.code_point)));
    } else {
      return std::string();
    }
  }
  return word;
}

}  // namespace elmo
