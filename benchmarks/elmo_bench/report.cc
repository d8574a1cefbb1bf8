#include "benchmarks/elmo_bench/report.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/check.h"

namespace elmo::bench {
namespace {

void PrintLine(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// Wide enough for most figures: rows are printed before the next is known.
constexpr size_t kMinWidth = 8;

// Characters of UTF-8.
size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

std::string Padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, Width(text)), ' ');
}

size_t WidthOf(const Table::Column& column) {
  return std::max(Width(column.head), kMinWidth);
}

}  // namespace

void Report::Part(const std::string& key, const std::string& title) {
  part_ = key;
  json_[part_] = nlohmann::json::object();
  PrintLine(absl::StrCat("\n## ", title, "\n"));
}

void Report::Text(const std::string& text) {
  PrintLine(absl::StrCat(text, "\n"));
}

void Report::Figure(const std::string& key, nlohmann::json value,
                    const std::string& text) {
  json_[part_][key] = std::move(value);
  Text(text);
}

absl::Status Report::Write(const std::string& path) const {
  std::ofstream file(path);
  file << json_.dump(1) << "\n";
  file.close();
  if (file) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cannot write ", path));
}

Cell Word(const std::string& text) { return {text, text}; }

Cell Number(double value, int decimals) {
  return {value, absl::StrFormat("%.*f", decimals, value)};
}

Cell Percent(double share) {
  return {share, absl::StrFormat("%.1f %%", 100 * share)};
}

Cell Measured(const Sample& sample, int decimals) {
  return {{{"median", sample.median},
           {"min", sample.min},
           {"max", sample.max},
           {"runs", sample.runs}},
          absl::StrFormat("%.*f ±%.0f%%", decimals, sample.median,
                          100 * sample.spread())};
}

Table::Table(Report* report, const std::string& key,
             std::vector<Column> columns)
    : report_(report), key_(key), columns_(std::move(columns)) {
  report_->json_[report_->part_][key_] = nlohmann::json::array();
  std::string heads = "|", line = "|";
  for (const Column& column : columns_) {
    const size_t width = WidthOf(column);
    absl::StrAppend(&heads, " ", Padded(column.head, width), " |");
    absl::StrAppend(&line, " ", std::string(width, '-'), " |");
  }
  PrintLine(heads);
  PrintLine(line);
}

Table::~Table() { PrintLine(""); }

void Table::Row(const std::vector<Cell>& cells) {
  ELMO_CHECK(cells.size() == columns_.size());
  nlohmann::json row;
  std::string line = "|";
  for (size_t i = 0; i < cells.size(); ++i) {
    row[columns_[i].key] = cells[i].value;
    absl::StrAppend(&line, " ", Padded(cells[i].text, WidthOf(columns_[i])),
                    " |");
  }
  report_->json_[report_->part_][key_].push_back(std::move(row));
  PrintLine(line);
}

}  // namespace elmo::bench
