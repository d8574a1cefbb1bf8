#include "tests/testing/scrape.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <vector>

namespace elmo::testing {
namespace {

// name{b="2",a="1"} -> name{a="1",b="2"}. Our labels hold no comma.
std::string Ordered(const std::string& series) {
  const size_t brace = series.find('{');
  if (brace == std::string::npos) return series;
  std::vector<std::string> labels;
  std::istringstream list(series.substr(brace + 1, series.size() - brace - 2));
  for (std::string label; std::getline(list, label, ',');) {
    labels.push_back(label);
  }
  std::sort(labels.begin(), labels.end());
  std::string ordered = series.substr(0, brace + 1);
  for (const std::string& label : labels) {
    if (ordered.back() != '{') ordered += ',';
    ordered += label;
  }
  return ordered + "}";
}

}  // namespace

double Metrics::operator[](const std::string& series) const {
  const auto it = values.find(Ordered(series));
  if (it != values.end()) return it->second;
  ADD_FAILURE() << "no series " << series;
  return std::nan("");
}

Metrics ParseMetrics(const std::string& text) {
  Metrics metrics;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, kind, name;
    if (line[0] == '#') {
      words >> hash >> kind >> name;
      std::string rest;
      std::getline(words >> std::ws, rest);
      if (kind == "TYPE") metrics.types[name] = rest;
      if (kind == "HELP" && rest.empty()) metrics.without_help.insert(name);
      continue;
    }
    const size_t blank = line.rfind(' ');
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + blank + 1, &end);
    EXPECT_TRUE(blank != std::string::npos && *end == '\0') << line;
    const bool added =
        metrics.values.emplace(Ordered(line.substr(0, blank)), value).second;
    EXPECT_TRUE(added) << "twice: " << line;
  }
  return metrics;
}

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string request =
      "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
  std::string response;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
          0 &&
      write(fd, request.data(), request.size()) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) {
      response.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  const std::string status = response.substr(0, response.find('\r'));
  if (status.find(" 200 ") == std::string::npos) return status;
  return response.substr(response.find("\r\n\r\n") + 4);
}

Metrics Scrape(int port) { return ParseMetrics(HttpGet(port, "/metrics")); }

}  // namespace elmo::testing
