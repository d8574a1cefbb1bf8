#ifndef ELMO_CLIENT_CLI_COMMANDS_H_
#define ELMO_CLIENT_CLI_COMMANDS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/cli/cli_options.h"
#include "client/embed_connection.h"

namespace elmo::cli {

// What the program runs in.
struct Terminal {
  bool stdin_is = false;  // Whether each is a terminal.
  bool stdout_is = false;
  bool stderr_is = false;
  bool no_color = false;  // $NO_COLOR is set.
};

// Each runs one command to its end, to standard output unless it names a file.
// Errors of the server keep their codes; those of files are
// FAILED_PRECONDITION. ErrorText() says them to people.
absl::Status RunEmbed(const ServerChoice& server, const EmbedCommand& command,
                      const std::shared_ptr<EmbedConnection>& connection,
                      const Terminal& terminal);
absl::Status RunCompare(const ServerChoice& server,
                        const CompareCommand& command,
                        const std::shared_ptr<EmbedConnection>& connection,
                        const Terminal& terminal);
absl::Status RunInfo(const ServerChoice& server, const InfoCommand& command,
                     const std::shared_ptr<EmbedConnection>& connection);

// FAILED_PRECONDITION unless the service is SERVING.
absl::Status RunHealth(const ServerChoice& server, const HealthCommand& command,
                       const std::shared_ptr<EmbedConnection>& connection);

// `connect`: makes a connection of its own at each call. FAILED_PRECONDITION
// where an answer under load differs from the one without.
absl::Status RunBench(
    const ServerChoice& server, const BenchCommand& command,
    const std::function<std::shared_ptr<EmbedConnection>()>& connect,
    const Terminal& terminal);

// Writes to standard output, for answers that are text.
absl::Status Print(const std::string& text);

// What went wrong and what to try, for the terminal.
std::string ErrorText(const absl::Status& status, const ServerChoice& server);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_COMMANDS_H_
