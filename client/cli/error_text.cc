#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"

namespace elmo::cli {
namespace {

// gRPC has one code for "no connection" and "come again later"; its own words
// for the first are these.
bool IsConnectionFailure(const absl::Status& status) {
  const std::string message = absl::AsciiStrToLower(status.message());
  for (const char* words :
       {"connect", "resolution", "socket closed", "goaway"}) {
    if (absl::StrContains(message, words)) return true;
  }
  return false;
}

std::string UnavailableText(const absl::Status& status,
                            const ServerChoice& server) {
  if (!IsConnectionFailure(status)) {
    return absl::StrCat("the server at ", server.server,
                        " takes no requests just now (", status.message(),
                        "). Try again in a moment.");
  }
  const std::string message = absl::AsciiStrToLower(status.message());
  if (absl::StrContains(message, "handshake failed") ||
      absl::StrContains(message, "peer certificate")) {
    return absl::StrCat("no TLS connection with ", server.server, " (",
                        status.message(),
                        ").\n--tls-ca names the authorities to trust, "
                        "--tls-name the name in the certificate;\n--tls-cert "
                        "and --tls-key are for servers that ask for one.");
  }
  return absl::StrCat(
      "no server at ", server.server, " (", status.message(),
      ").\nIs it running? scripts/run starts one; --server HOST:PORT or "
      "ELMO_SERVER names another;\n--wait waits for one that is starting; "
      "--tls or --tls-ca FILE speaks TLS.");
}

}  // namespace

std::string ErrorText(const absl::Status& status, const ServerChoice& server) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return UnavailableText(status, server);
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrFormat(
          "no answer from %s within %g seconds (%s). --timeout allows more.",
          server.server, std::chrono::duration<double>(server.timeout).count(),
          status.message());
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat("what listens at ", server.server,
                          " is not an elmo-server (", status.message(), ")");
    case absl::StatusCode::kUnauthenticated:
      return absl::StrCat("the server at ", server.server,
                          " does not let us in: ", status.message(),
                          ".\n--token-file FILE names the token.");
    case absl::StatusCode::kFailedPrecondition:
      return std::string(status.message());  // Ours, about a file.
    default:
      return absl::StrCat("the server at ", server.server,
                          " answered: ", status.message(), " (",
                          absl::StatusCodeToString(status.code()), ")");
  }
}

}  // namespace elmo::cli
