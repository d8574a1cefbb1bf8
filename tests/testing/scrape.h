#ifndef ELMO_TESTS_TESTING_SCRAPE_H_
#define ELMO_TESTS_TESTING_SCRAPE_H_

#include <map>
#include <set>
#include <string>

namespace elmo::testing {

// Metrics in Prometheus' text format, taken apart.
struct Metrics {
  // By series as it is written: elmo_requests_total{method="Embed",code="OK"}.
  // Labels in the order of their names.
  std::map<std::string, double> values;
  std::map<std::string, std::string> types;  // By metric: "counter".
  std::set<std::string> without_help;

  // Of a series that must be there; else a test failure and NaN.
  double operator[](const std::string& series) const;
};

// What is no such text is a test failure.
Metrics ParseMetrics(const std::string& text);

// The body that GET `path` answers on that port of this machine; the status
// line alone where it is not 200.
std::string HttpGet(int port, const std::string& path);

// What a Prometheus would read there.
Metrics Scrape(int port);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_SCRAPE_H_
