#include "server/unknown_variables.h"

#include <unistd.h>

#include <regex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace elmo {
namespace {

constexpr char kOfClient[] = "ELMO_SERVER";

// What Kubernetes tells pods of its services.
bool IsOfAService(const std::string& name, absl::string_view value) {
  static const std::regex kService(
      "ELMO_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|"
      "PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)");
  static const std::regex kPort("ELMO_(.+_)?PORT");
  return std::regex_match(name, kService) ||
         (std::regex_match(name, kPort) && absl::StrContains(value, "://"));
}

}  // namespace

std::vector<std::string> UnknownVariables(const std::set<std::string>& known) {
  std::vector<std::string> unknown;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view variable(*entry);
    const size_t equals = variable.find('=');
    if (!absl::StartsWith(variable, "ELMO_") ||
        equals == absl::string_view::npos) {
      continue;
    }
    std::string name(variable.substr(0, equals));
    if (name != kOfClient && known.count(name) == 0 &&
        !IsOfAService(name, variable.substr(equals + 1))) {
      unknown.push_back(std::move(name));
    }
  }
  return unknown;
}

}  // namespace elmo
