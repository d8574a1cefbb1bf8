#ifndef ELMO_BENCHMARKS_ELMO_BENCH_REPORT_H_
#define ELMO_BENCHMARKS_ELMO_BENCH_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "benchmarks/elmo_bench/measure.h"

namespace elmo::bench {

// What is measured goes two ways: as Markdown to the terminal at once, so that
// a table can be pasted into docs/, and as JSON into one file at the end.
class Report {
 public:
  // A heading, in the JSON too: what follows is `key`'s.
  void Part(const std::string& key, const std::string& title);
  // A paragraph, for the terminal alone.
  void Text(const std::string& text);
  // One figure with its name, outside of tables.
  void Figure(const std::string& key, nlohmann::json value,
              const std::string& text);

  nlohmann::json& json() { return json_; }
  absl::Status Write(const std::string& path) const;

 private:
  friend class Table;
  nlohmann::json json_ = nlohmann::json::object();
  std::string part_;
};

// One field of a row: for programs and for people.
struct Cell {
  nlohmann::json value;
  std::string text;
};
Cell Word(const std::string& text);
Cell Number(double value, int decimals = 0);
Cell Percent(double share);
// Its median and spread; the JSON has all.
Cell Measured(const Sample& sample, int decimals = 0);

// Prints each row when it is known. Rows become objects with the columns' keys.
class Table {
 public:
  struct Column {
    std::string key;
    std::string head;
  };

  // `report` must outlive the table.
  Table(Report* report, const std::string& key, std::vector<Column> columns);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // As many cells as columns.
  void Row(const std::vector<Cell>& cells);

 private:
  Report* const report_;
  const std::string key_;
  const std::vector<Column> columns_;
};

}  // namespace elmo::bench

#endif  // ELMO_BENCHMARKS_ELMO_BENCH_REPORT_H_
