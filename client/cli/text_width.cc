#include "client/cli/text_width.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace elmo::cli {
namespace {

constexpr char kEllipsis[] = "…";
constexpr UChar32 kEmojiStyle = 0xFE0F;

int CodePointWidth(UChar32 c) {
  switch (u_charType(c)) {
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_FORMAT_CHAR:
      return 0;
    default:
      break;
  }
  switch (u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH)) {
    case U_EA_WIDE:
    case U_EA_FULLWIDTH:
      return 2;
    default:
      return 1;
  }
}

// A user-perceived character.
struct Cluster {
  std::string text;
  int width;
};

Cluster MakeCluster(const icu::UnicodeString& text) {
  Cluster cluster{{}, 0};
  text.toUTF8String(cluster.text);
  int flags = 0;  // Two regional indicators make one flag, two columns wide.
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (u_hasBinaryProperty(c, UCHAR_REGIONAL_INDICATOR)) ++flags;
    const int width = c == kEmojiStyle ? 2 : CodePointWidth(c);
    cluster.width = std::max({cluster.width, width, flags});
  }
  return cluster;
}

std::vector<Cluster> Clusters(std::string_view utf8) {
  const auto text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(utf8.data(), static_cast<int32_t>(utf8.size())));
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> characters(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(),
                                                  error));
  std::vector<Cluster> clusters;
  if (U_FAILURE(error)) {  // ICU's data are missing: better shown uneven.
    clusters.push_back(MakeCluster(text));
    return clusters;
  }
  characters->setText(text);
  int32_t begin = characters->first();
  for (int32_t end = characters->next(); end != icu::BreakIterator::DONE;
       begin = end, end = characters->next()) {
    clusters.push_back(MakeCluster(text.tempSubStringBetween(begin, end)));
  }
  return clusters;
}

// The first clusters, as far as `columns` allow.
std::string Keep(const std::vector<Cluster>& clusters, int columns) {
  std::string kept;
  for (const Cluster& cluster : clusters) {
    columns -= cluster.width;
    if (columns < 0) break;
    kept += cluster.text;
  }
  return kept;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(bytes, i, size, c);
    if (c < 0) return false;
  }
  return true;
}

std::string Printable(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  std::string printable;
  for (int64_t i = 0; i < size;) {
    const int64_t begin = i;
    UChar32 c;
    U8_NEXT(bytes, i, size, c);
    if (c < 0) {
      printable += "\uFFFD";
    } else if (u_iscntrl(c)) {
      printable += ' ';
    } else {
      printable += text.substr(begin, i - begin);
    }
  }
  return printable;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (const Cluster& cluster : Clusters(text)) width += cluster.width;
  return width;
}

std::string KeepStart(std::string_view text, int columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns < 1) return "";
  return Keep(Clusters(text), columns - 1) + kEllipsis;
}

std::string KeepEnd(std::string_view text, int columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns < 1) return "";
  std::vector<Cluster> clusters = Clusters(text);
  std::reverse(clusters.begin(), clusters.end());
  int kept_columns = 0;
  size_t kept = 0;
  while (kept_columns + clusters[kept].width <= columns - 1) {
    kept_columns += clusters[kept++].width;
  }
  std::string end = kEllipsis;
  while (kept > 0) end += clusters[--kept].text;
  return end;
}

std::string PadLeft(std::string_view text, int columns) {
  return std::string(std::max(columns - DisplayWidth(text), 0), ' ')
      .append(text);
}

std::string PadRight(std::string_view text, int columns) {
  return std::string(text).append(std::max(columns - DisplayWidth(text), 0),
                                  ' ');
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto fold = [](std::string_view text) {
    return icu::UnicodeString::fromUTF8(
               icu::StringPiece(text.data(), static_cast<int32_t>(text.size())))
        .foldCase();
  };
  return fold(a) == fold(b);
}

}  // namespace elmo::cli
