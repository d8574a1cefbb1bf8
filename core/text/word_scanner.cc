#include "core/text/word_scanner.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/text/english.h"
#include "core/text/web_spans.h"
#include "core/text/word_rules.h"

namespace elmo {
namespace {

// Longer than any contraction and any word that may lose its last letter.
constexpr size_t kLongestContraction = 12;

constexpr char32_t kEllipsis = 0x2026;

// Marks that are drawn in rows (-----, ====, ***): a row is one token.
bool FormsRows(char32_t c) {
  switch (c) {
    case '-':
    case '=':
    case '*':
    case '_':
    case '~':
    case '#':
    case '+':
    case '^':
    case '|':
    case '<':
    case '>':
    case '/':
    case '\\':
    case '.':
    case 0x2013:
    case 0x2014:
    case 0x2015:
    case kEllipsis:
      return true;
    default:
      return false;
  }
}

bool InOneRow(char32_t a, char32_t b) {
  return a == b || (a == '.' && b == kEllipsis) || (a == kEllipsis && b == '.');
}

}  // namespace

std::vector<Token> WordScanner::Run() {
  tokens_.reserve(text_.size() / 5 + 1);  // English: 5 bytes a token.
  size_t i = 0;
  while (i < units_.size()) {
    if (At(i).kind == UnitKind::kSeparator) {
      ++i;
    } else if (StartsWord(i)) {
      i = ScanWord(i);
    } else if (At(i).kind == UnitKind::kUnspaced) {
      i = ScanUnspaced(i);
    } else if (At(i).kind == UnitKind::kApostrophe) {
      i = ScanApostrophe(i);
    } else if (At(i).kind == UnitKind::kSoftHyphen) {
      ++i;
    } else {
      i = ScanOther(i);
    }
  }
  return std::move(tokens_);
}

bool WordScanner::StartsWord(size_t i) const {
  const TextUnit& unit = At(i);
  if (IsAlnum(unit)) return true;
  // -5, .5
  return (unit.kind == UnitKind::kHyphen || unit.code_point == '.') &&
         At(i + 1).kind == UnitKind::kDigit && IsAtOpening(units_, i);
}

size_t WordScanner::ScanWord(size_t i) {
  const size_t first = IsAlnum(At(i)) ? i : i + 1;
  size_t end = FindWordEnd(units_, first);
  if (const size_t url = FindUrlEnd(units_, first, end)) {
    Emit(i, url);
    return url;
  }
  if (At(end).code_point == '@' || At(end).code_point == '+') {
    if (const size_t email = FindEmailEnd(units_, first, end)) {
      Emit(i, email);
      return email;
    }
  }
  end = ExtendWord(first, end);
  EmitWord(i, end);
  return end;
}

size_t WordScanner::ExtendWord(size_t first, size_t end) const {
  const TextUnit& next = At(end);
  const TextUnit& after = At(end + 1);
  if (next.code_point == '.') {
    const bool is_row = after.code_point == '.';
    return !is_row && KeepsPeriod(units_, first, end) ? end + 1 : end;
  }
  if (next.kind == UnitKind::kHyphen) {
    // "pre- and post-war", but "But I-" breaks off.
    size_t i = end + 1;
    while (i < units_.size() && At(i).kind == UnitKind::kSeparator) ++i;
    const bool goes_on =
        after.code_point == ',' || (i > end + 1 && i < units_.size());
    return goes_on ? end + 1 : end;
  }
  if (next.kind == UnitKind::kApostrophe && open_single_quotes_ == 0 &&
      after.kind != UnitKind::kApostrophe &&
      IsElidedAtEnd(LowerAscii(units_, first, end))) {
    return end + 1;
  }
  return end;
}

size_t WordScanner::ScanUnspaced(size_t i) {
  size_t end = i;
  while (At(end).kind == UnitKind::kUnspaced) ++end;
  if (end == i + 1) {
    Emit(i, end);
    return end;
  }
  if (own_ == nullptr) own_ = shared_.Clone();
  const uint32_t begin = At(i).begin;
  own_->FindWordEnds(text_.substr(begin, At(end).begin - begin), &ends_);
  size_t first = i;
  for (const uint32_t word_end : ends_) {
    size_t next = first;
    while (next < end && At(next).begin < begin + word_end) ++next;
    // A break inside a visible character is none.
    if (next == first || At(next).begin != begin + word_end) continue;
    Emit(first, next);
    first = next;
  }
  return end;
}

size_t WordScanner::ScanApostrophe(size_t i) {
  // '' is a quotation mark (Penn).
  if (At(i).code_point == '\'' && At(i + 1).code_point == '\'') {
    Emit(i, i + 2);
    return i + 2;
  }
  size_t end = i + 1;
  while (IsAlnum(At(end)) && end - i <= kLongestContraction) ++end;
  const std::string letters = LowerAscii(units_, i + 1, end);
  const bool ends_here = !IsAlnum(At(end));
  if (ends_here && (IsContractionSuffix(letters) || letters == "t")) {
    Emit(i, end);
    return end;
  }
  const bool opens = IsAtOpening(units_, i);
  // '90s
  const bool is_decade = letters.size() >= 2 && letters.size() <= 3 &&
                         At(i + 1).kind == UnitKind::kDigit &&
                         At(i + 2).kind == UnitKind::kDigit &&
                         (letters.size() == 2 || letters[2] == 's');
  if (opens && ends_here && (is_decade || IsElidedAtStart(letters))) {
    end = FindWordEnd(units_, i + 1);
    // rock 'n' roll
    if (letters == "n" && At(end).kind == UnitKind::kApostrophe) ++end;
    EmitWord(i, end);
    return end;
  }
  if (opens && At(i + 1).kind != UnitKind::kSeparator) {
    ++open_single_quotes_;
  } else {
    open_single_quotes_ = std::max(0, open_single_quotes_ - 1);
  }
  Emit(i, i + 1);
  return i + 1;
}

size_t WordScanner::ScanOther(size_t i) {
  const char32_t c = At(i).code_point;
  if ((c == '@' || c == '#') && IsAtOpening(units_, i)) {
    if (const size_t end = FindTagEnd(units_, i)) {
      Emit(i, end);
      return end;
    }
  }
  size_t end = i + 1;
  if (FormsRows(c)) {
    while (end < units_.size() && InOneRow(c, At(end).code_point)) ++end;
  } else if (c == '`' && At(end).code_point == c) {  // `` (Penn)
    ++end;
  }
  Emit(i, end);
  return end;
}

void WordScanner::EmitWord(size_t first, size_t end) {
  // From the right: should|n't|'ve.
  cuts_.clear();
  size_t rest = end;
  while (true) {
    size_t mark = rest;
    while (mark > first && rest - mark <= 3 &&
           At(mark - 1).kind != UnitKind::kApostrophe) {
      --mark;
    }
    if (mark <= first + 1 || At(mark - 1).kind != UnitKind::kApostrophe) break;
    const std::string letters = LowerAscii(units_, mark, rest);
    size_t cut = 0;
    if (IsContractionSuffix(letters)) {
      cut = mark - 1;
    } else if (letters == "t" && (At(mark - 2).code_point | 0x20) == 'n') {
      cut = mark - 2;
    }
    if (cut <= first) break;
    cuts_.push_back(cut);
    rest = cut;
  }
  if (At(first).kind == UnitKind::kApostrophe ||
      At(first + 1).kind == UnitKind::kApostrophe) {
    const int lead = LeadingContraction(LowerAscii(units_, first, rest));
    if (lead > 0) Emit(first, first + lead);
    first += lead;
  }
  for (auto cut = cuts_.rbegin(); cut != cuts_.rend(); ++cut) {
    Emit(first, *cut);
    first = *cut;
  }
  Emit(first, end);
}

void WordScanner::Emit(size_t first, size_t end) {
  Token& token = tokens_.emplace_back();
  token.begin = At(first).begin;
  token.end = At(end).begin;
  if (!units_.has_rewrites) {
    token.text = text_.substr(token.begin, token.end - token.begin);
    return;
  }
  for (size_t i = first; i < end; ++i) {
    const char32_t c = At(i).code_point;
    const size_t bytes = At(i + 1).begin - At(i).begin;
    const char* rewritten = RewriteUnit(c);
    // Not where a combining mark has joined it.
    if (rewritten != nullptr && bytes == U8_LENGTH(c)) {
      token.text += rewritten;
    } else {
      token.text += text_.substr(At(i).begin, bytes);
    }
  }
}

}  // namespace elmo
