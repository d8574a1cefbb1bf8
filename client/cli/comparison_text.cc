#include "client/cli/comparison_text.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text_width.h"

namespace elmo::cli {
namespace {

constexpr int kCellColumns = 7;   // " -0.123", and numbers up to 999999.
constexpr int kLabelColumns = 6;  // "  1234".

// A sentence around the word, ready to be printed.
struct Context {
  std::string before;
  std::string word;
  std::string after;
};

// The bytes of the text, where the server said which; else the tokens.
Context ContextOf(const ComparisonResult& result, const WordUse& use) {
  const std::string& text = result.sentences[use.sentence].text();
  const std::vector<v1::Token>& tokens = result.vectors[use.sentence].tokens;
  const v1::Token& token = tokens[use.token];
  const auto size = static_cast<int64_t>(text.size());
  if (token.has_begin() && token.has_end() && 0 <= token.begin() &&
      token.begin() <= token.end() && token.end() <= size) {
    return {Printable(text.substr(0, token.begin())),
            Printable(text.substr(token.begin(), token.end() - token.begin())),
            Printable(text.substr(token.end()))};
  }
  Context context;
  for (int64_t t = 0; t < static_cast<int64_t>(tokens.size()); ++t) {
    const std::string printable = Printable(tokens[t].text());
    if (t < use.token) absl::StrAppend(&context.before, printable, " ");
    if (t == use.token) context.word = printable;
    if (t > use.token) absl::StrAppend(&context.after, " ", printable);
  }
  return context;
}

// The sentence with its word marked, in at most `columns`: of a longer one, the
// part around the word.
std::string Marked(const Context& context, int columns,
                   const TextStyle& style) {
  const char* open = style.color ? "\x1b[1m" : "[";
  const char* close = style.color ? "\x1b[0m" : "]";
  const int marks = style.color ? 0 : 2;
  const int room = std::max(columns - DisplayWidth(context.word) - marks, 20);
  const int before = DisplayWidth(context.before);
  const int after = DisplayWidth(context.after);
  const int left = std::min(before, std::max(room / 2, room - after));
  return absl::StrCat(KeepEnd(context.before, left), open, context.word, close,
                      KeepStart(context.after, room - left));
}

std::string UseLine(const ComparisonResult& result, size_t use,
                    const TextStyle& style) {
  return absl::StrCat(PadLeft(absl::StrCat(use + 1), kLabelColumns - 2), "  ",
                      Marked(ContextOf(result, result.uses[use]),
                             style.columns - kLabelColumns, style),
                      "\n");
}

std::string LayerTitle(const LayerComparison& layer) {
  return absl::StrCat("Layer ", layer.layer,
                      layer.layer == 0 ? " (the word without its context)" : "",
                      "\n");
}

// Without a sign where it is shown as zero.
double Shown(double cosine) { return std::fabs(cosine) < 5e-4 ? 0 : cosine; }

// Columns that do not fit beside each other come in blocks below each other.
std::string CosineTable(const LayerComparison& layer, const TextStyle& style) {
  const size_t count = layer.cosine.size();
  const auto per_block = static_cast<size_t>(
      std::max((style.columns - kLabelColumns) / kCellColumns, 1));
  std::string table;
  for (size_t begin = 0; begin < count; begin += per_block) {
    const size_t end = std::min(begin + per_block, count);
    table += std::string(kLabelColumns - 2, ' ');
    for (size_t column = begin; column < end; ++column) {
      table += PadLeft(absl::StrCat(column + 1), kCellColumns);
    }
    table += '\n';
    for (size_t row = 0; row < count; ++row) {
      table += PadLeft(absl::StrCat(row + 1), kLabelColumns - 2);
      for (size_t column = begin; column < end; ++column) {
        absl::StrAppendFormat(&table, "%*.3f", kCellColumns,
                              Shown(layer.cosine[row][column]));
      }
      table += '\n';
    }
  }
  return table;
}

std::string NearestCell(const LayerComparison& layer, size_t use) {
  const int nearest = layer.nearest[use];
  if (nearest == kAllAlike) return "all alike";
  return absl::StrFormat("%d (%.3f)", nearest + 1,
                         layer.cosine[use][static_cast<size_t>(nearest)]);
}

std::string NearestTable(const ComparisonResult& result) {
  constexpr int kColumns = 14;
  std::string table = "Nearest use\n" + std::string(kLabelColumns - 2, ' ');
  for (const LayerComparison& layer : result.layers) {
    table += PadLeft(absl::StrCat("layer ", layer.layer), kColumns);
  }
  table += '\n';
  for (size_t use = 0; use < result.uses.size(); ++use) {
    table += PadLeft(absl::StrCat(use + 1), kLabelColumns - 2);
    for (const LayerComparison& layer : result.layers) {
      table += PadLeft(NearestCell(layer, use), kColumns);
    }
    table += '\n';
  }
  return table;
}

std::string AlikePairs(const ComparisonResult& result, const TextStyle& style) {
  const LayerComparison& layer = result.layers.back();
  const auto pairs = MutualPairs(layer);
  if (pairs.empty() || result.uses.size() < 3) return "";
  std::string text = absl::StrCat("\nFound alike in layer ", layer.layer,
                                  ", each the other's nearest\n");
  for (const auto& [a, b] : pairs) {
    absl::StrAppendFormat(&text, "  %d and %d (%.3f)\n", a + 1, b + 1,
                          layer.cosine[a][b]);
    absl::StrAppend(&text, UseLine(result, a, style),
                    UseLine(result, b, style));
  }
  return text;
}

std::string Count(size_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace

std::string ComparisonText(const ComparisonResult& result,
                           const TextStyle& style) {
  std::string text = absl::StrCat(
      "\"", Printable(result.word), "\": ", Count(result.uses.size(), "use"),
      " in ", Count(result.sentences.size(), "sentence"), "\n\n");
  for (size_t use = 0; use < result.uses.size(); ++use) {
    text += UseLine(result, use, style);
  }
  for (const LayerComparison& layer : result.layers) {
    absl::StrAppend(&text, "\n", LayerTitle(layer), CosineTable(layer, style));
  }
  absl::StrAppend(&text, "\n", NearestTable(result), AlikePairs(result, style));
  return text;
}

std::string ComparisonJson(const ComparisonResult& result) {
  nlohmann::ordered_json json;
  json["word"] = result.word;
  json["uses"] = nlohmann::ordered_json::array();
  for (const WordUse& use : result.uses) {
    json["uses"].push_back(
        {{"sentence", result.numbers[use.sentence]},
         {"token_index", use.token},
         {"token", result.vectors[use.sentence].tokens[use.token].text()}});
  }
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerComparison& layer : result.layers) {
    nlohmann::ordered_json nearest = nlohmann::ordered_json::array();
    for (const int use : layer.nearest) {
      nearest.push_back(use == kAllAlike ? nlohmann::ordered_json()
                                         : nlohmann::ordered_json(use));
    }
    json["layers"].push_back({{"layer", layer.layer},
                              {"cosine", layer.cosine},
                              {"nearest", std::move(nearest)}});
  }
  return json.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace elmo::cli
