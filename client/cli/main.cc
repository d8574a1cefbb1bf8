#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "client/cli/cli_options.h"
#include "client/cli/commands.h"
#include "client/cli/output_file.h"
#include "client/credentials.h"
#include "client/grpc_connection.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status Run(const CommandLine& line, const Terminal& terminal) {
  ClientOptions options;
  options.target = line.server.server;
  options.timeout = line.server.timeout;
  options.wait_for_ready = line.server.wait;
  ELMO_ASSIGN_OR_RETURN(const Credentials credentials,
                        ReadCredentials(line.server.credentials));
  options.token = credentials.token;
  options.tls_name = line.server.tls_name;
  const auto connection = MakeGrpcConnection(options, credentials.channel);
  return std::visit(
      [&](const auto& command) {
        using Command = std::decay_t<decltype(command)>;
        if constexpr (std::is_same_v<Command, EmbedCommand>) {
          return RunEmbed(line.server, command, connection, terminal);
        } else if constexpr (std::is_same_v<Command, CompareCommand>) {
          return RunCompare(line.server, command, connection, terminal);
        } else if constexpr (std::is_same_v<Command, BenchCommand>) {
          options.own_connection = true;
          options.max_attempts = command.attempts;
          return RunBench(
              line.server, command,
              [&] { return MakeGrpcConnection(options, credentials.channel); },
              terminal);
        } else if constexpr (std::is_same_v<Command, HealthCommand>) {
          return RunHealth(line.server, command, connection);
        } else {
          return RunInfo(line.server, command, connection);
        }
      },
      line.command);
}

int Main(const std::vector<std::string>& argv) {
  InstallSignalHandlers();
  const std::variant<CommandLine, int> parsed =
      ParseCommandLine(argv, Environment("ELMO_SERVER"), std::cout, std::cerr);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const CommandLine& line = std::get<CommandLine>(parsed);
  Terminal terminal;
  terminal.stdin_is = isatty(STDIN_FILENO);
  terminal.stdout_is = isatty(STDOUT_FILENO);
  terminal.stderr_is = isatty(STDERR_FILENO);
  terminal.no_color = !Environment("NO_COLOR").empty();
  const absl::Status status = Run(line, terminal);
  if (status.ok()) return kExitOk;
  if (!IsBrokenPipe(status)) {
    std::fprintf(stderr, "elmo-client: %s\n",
                 ErrorText(status, line.server).c_str());
  }
  return kExitFailure;
}

}  // namespace
}  // namespace elmo::cli

int main(int argc, char** argv) {
  const int code = elmo::cli::Main(std::vector<std::string>(argv, argv + argc));
  // Not by returning: threads of gRPC 1.51 outlive its last connection, and
  // what the end of main() destroys some of them still use.
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(code);
}
