#include "core/text/text_units.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <array>

namespace elmo {
namespace {

constexpr char32_t kCombiningKeycap = 0x20E3;

// Whether grapheme clusters need ICU's rules where this occurs.
bool JoinsOthers(char32_t c) {
  switch (u_getIntPropertyValue(static_cast<UChar32>(c),
                                UCHAR_GRAPHEME_CLUSTER_BREAK)) {
    case U_GCB_OTHER:
    case U_GCB_CONTROL:
    case U_GCB_CR:
    case U_GCB_LF:
    case U_GCB_LV:  // A Hangul syllable joins only what is none itself.
    case U_GCB_LVT:
      return false;
    default:
      return true;
  }
}

// White space, and what Unicode calls a control for the purpose of clusters:
// control characters, BOM, bidirectional marks, zero width space.
bool IsSeparator(char32_t c) {
  if (u_isUWhiteSpace(static_cast<UChar32>(c))) return true;
  const int value = u_getIntPropertyValue(static_cast<UChar32>(c),
                                          UCHAR_GRAPHEME_CLUSTER_BREAK);
  return value == U_GCB_CONTROL || value == U_GCB_CR || value == U_GCB_LF;
}

// Letters of scripts whose words only a dictionary can tell apart.
bool IsUnspaced(char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  if (u_getIntPropertyValue(code_point, UCHAR_LINE_BREAK) ==
      U_LB_COMPLEX_CONTEXT) {
    return true;
  }
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(code_point, &status)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
      return true;
    default:  // The mark of long vowels belongs to two scripts.
      return u_getIntPropertyValue(code_point, UCHAR_WORD_BREAK) ==
             U_WB_KATAKANA;
  }
}

// The kind of letters, marks and numbers; kOther for all else.
UnitKind KindOfWordCharacter(char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  switch (u_charType(code_point)) {
    case U_DECIMAL_DIGIT_NUMBER:
      return UnitKind::kDigit;
    case U_UPPERCASE_LETTER:
    case U_LOWERCASE_LETTER:
    case U_TITLECASE_LETTER:
      return UnitKind::kLetter;
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER:
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK:
    case U_LETTER_NUMBER:
      return IsUnspaced(c) ? UnitKind::kUnspaced : UnitKind::kLetter;
    case U_OTHER_NUMBER:
      return UnitKind::kLetter;
    case U_UNASSIGNED:  // To this ICU: a letter or emoji of a later Unicode.
      return u_hasBinaryProperty(code_point, UCHAR_EXTENDED_PICTOGRAPHIC)
                 ? UnitKind::kOther
                 : UnitKind::kLetter;
    case U_CONNECTOR_PUNCTUATION:
      return UnitKind::kUnderscore;
    default:
      // Such as the Hebrew geresh: punctuation, but part of a word.
      return u_getIntPropertyValue(code_point, UCHAR_WORD_BREAK) == U_WB_ALETTER
                 ? UnitKind::kLetter
                 : UnitKind::kOther;
  }
}

UnitKind KindOf(char32_t c) {
  switch (c) {
    case '\'':
    case 0x00B4:  // Acute accent, typed for an apostrophe.
    case 0x2018:
    case 0x2019:
    case 0x201B:
    case 0xFF07:
      return UnitKind::kApostrophe;
    case '-':
    case 0x2010:
    case 0x2011:
      return UnitKind::kHyphen;
    case 0x00AD:
      return UnitKind::kSoftHyphen;
    default:
      return IsSeparator(c) ? UnitKind::kSeparator : KindOfWordCharacter(c);
  }
}

// Text is mostly ASCII, so its kinds are asked for once.
const std::array<UnitKind, 128>& AsciiKinds() {
  static const std::array<UnitKind, 128> kinds = [] {
    std::array<UnitKind, 128> table;
    for (char32_t c = 0; c < 128; ++c) table[c] = KindOf(c);
    return table;
  }();
  return kinds;
}

// Turns units [first, end of `units`), one a code point, into one a grapheme
// cluster.
void MergeClusters(std::string_view text, size_t first, BreakIterators* breaks,
                   std::vector<uint32_t>* ends, std::vector<TextUnit>* units) {
  const uint32_t begin = (*units)[first].begin;
  breaks->FindCharacterEnds(text.substr(begin), ends);
  size_t out = first;
  size_t next_end = 0;
  for (size_t i = first; i < units->size();) {
    TextUnit cluster = (*units)[i];
    while (begin + (*ends)[next_end] <= cluster.begin) ++next_end;
    const uint32_t end = begin + (*ends)[next_end];
    // A sign before its number (Arabic) is only a prefix.
    if (u_charType(static_cast<UChar32>(cluster.code_point)) == U_FORMAT_CHAR &&
        i + 1 < units->size() && (*units)[i + 1].begin < end) {
      cluster.kind = (*units)[i + 1].kind;
    }
    for (; i < units->size() && (*units)[i].begin < end; ++i) {
      if ((*units)[i].code_point == kCombiningKeycap) {
        cluster.kind = UnitKind::kOther;
      }
    }
    (*units)[out++] = cluster;
  }
  units->resize(out);
}

}  // namespace

TextUnits SplitIntoUnits(std::string_view text, const BreakIterators& shared,
                         std::unique_ptr<BreakIterators>* own) {
  const std::array<UnitKind, 128>& ascii = AsciiKinds();
  TextUnits result;
  std::vector<TextUnit>& units = result.units;
  units.reserve(text.size() + TextUnits::kSentinels);
  std::vector<uint32_t> ends;
  size_t run_first = 0;  // First unit since the last separator.
  bool run_joins = false;
  const auto size = static_cast<int32_t>(text.size());
  const auto end_run = [&](int32_t end) {
    if (run_joins) {
      if (*own == nullptr) *own = shared.Clone();
      MergeClusters(text.substr(0, end), run_first, own->get(), &ends, &units);
      run_joins = false;
    }
  };
  for (int32_t i = 0; i < size;) {
    TextUnit unit;
    unit.begin = static_cast<uint32_t>(i);
    UChar32 c;
    U8_NEXT(text.data(), i, size, c);
    unit.code_point = static_cast<char32_t>(c);
    if (c < 128) {
      unit.kind = ascii[c];
    } else {
      unit.kind = KindOf(unit.code_point);
      run_joins = run_joins || JoinsOthers(unit.code_point);
      result.has_rewrites = result.has_rewrites ||
                            unit.kind == UnitKind::kSoftHyphen ||
                            RewriteUnit(unit.code_point) != nullptr;
    }
    if (unit.kind == UnitKind::kSeparator) {
      end_run(static_cast<int32_t>(unit.begin));
      units.push_back(unit);
      run_first = units.size();
    } else {
      units.push_back(unit);
    }
  }
  end_run(size);
  for (size_t i = 0; i < TextUnits::kSentinels; ++i) {
    units.push_back({static_cast<uint32_t>(size), 0, UnitKind::kSeparator});
  }
  return result;
}

const char* RewriteUnit(char32_t code_point) {
  switch (code_point) {
    case 0x00AD:  // Soft hyphen.
      return "";
    case 0x00B4:
    case 0x2018:
    case 0x2019:
    case 0x201A:
    case 0x201B:
      return "'";
    case 0x201C:
    case 0x201D:
    case 0x201E:
    case 0x201F:
      return "\"";
    case 0x2010:
    case 0x2011:
      return "-";
    case 0x2013:
    case 0x2014:
    case 0x2015:
      return "--";
    case 0x2026:
      return "...";
    default:
      return nullptr;
  }
}

}  // namespace elmo
