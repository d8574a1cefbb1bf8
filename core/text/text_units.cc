#include "core/text/text_units.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <utility>

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

// SplitIntoUnits() for one text.
class UnitSplitter {
 public:
  UnitSplitter(std::string_view text, const BreakIterators& shared,
               std::unique_ptr<BreakIterators>* own)
      : text_(text), shared_(shared), own_(*own) {
    // No text has more units than bytes.
    result_.units.resize(text.size() + TextUnits::kSentinels);
  }

  TextUnits Run() {
    const std::array<UnitKind, 128>& ascii = AsciiKinds();
    const auto size = static_cast<int32_t>(text_.size());
    for (int32_t i = 0; i < size;) {
      const auto begin = static_cast<uint32_t>(i);
      UChar32 c;
      U8_NEXT(text_.data(), i, size, c);
      const auto code_point = static_cast<char32_t>(c);
      const UnitKind kind = c < 128 ? ascii[c] : Inspect(code_point);
      if (kind == UnitKind::kSeparator) EndRun(begin);
      result_.units[count_++] = {begin, code_point, kind};
      if (kind == UnitKind::kSeparator) run_first_ = count_;
    }
    EndRun(static_cast<uint32_t>(size));
    result_.units.resize(count_ + TextUnits::kSentinels);
    std::fill_n(result_.units.begin() + count_, TextUnits::kSentinels,
                TextUnit{static_cast<uint32_t>(size), 0});
    return std::move(result_);
  }

 private:
  // The kind of a code point beyond ASCII, noting what follows from it.
  UnitKind Inspect(char32_t code_point) {
    run_joins_ = run_joins_ || JoinsOthers(code_point);
    result_.has_rewrites =
        result_.has_rewrites || RewriteUnit(code_point) != nullptr;
    return KindOf(code_point);
  }

  // Turns the units since the last separator, one a code point until now, into
  // one a grapheme cluster. `end`: the byte behind them.
  void EndRun(uint32_t end) {
    if (!run_joins_) return;
    run_joins_ = false;
    if (own_ == nullptr) own_ = shared_.Clone();
    const uint32_t begin = result_.units[run_first_].begin;
    own_->FindCharacterEnds(text_.substr(begin, end - begin), &ends_);
    size_t out = run_first_;
    size_t i = run_first_;
    for (const uint32_t cluster_end : ends_) {
      if (i == count_) break;
      result_.units[out++] = MergeCluster(begin + cluster_end, &i);
    }
    count_ = out;
  }

  // The unit for all from `*i` that begin before byte `end`.
  TextUnit MergeCluster(uint32_t end, size_t* i) const {
    TextUnit cluster = result_.units[*i];
    const bool is_prefix =
        u_charType(static_cast<UChar32>(cluster.code_point)) == U_FORMAT_CHAR;
    for (++*i; *i < count_ && result_.units[*i].begin < end; ++*i) {
      const TextUnit& member = result_.units[*i];
      // A sign before its number (Arabic) is part of the number.
      if (is_prefix) cluster.kind = member.kind;
      if (member.code_point == kCombiningKeycap) {
        cluster.kind = UnitKind::kOther;
      }
    }
    return cluster;
  }

  const std::string_view text_;
  const BreakIterators& shared_;
  std::unique_ptr<BreakIterators>& own_;
  TextUnits result_;
  size_t count_ = 0;
  size_t run_first_ = 0;  // First unit since the last separator.
  bool run_joins_ = false;
  std::vector<uint32_t> ends_;
};

}  // namespace

TextUnits SplitIntoUnits(std::string_view text, const BreakIterators& shared,
                         std::unique_ptr<BreakIterators>* own) {
  return UnitSplitter(text, shared, own).Run();
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
