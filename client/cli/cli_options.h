#ifndef ELMO_CLIENT_CLI_CLI_OPTIONS_H_
#define ELMO_CLIENT_CLI_CLI_OPTIONS_H_

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "client/cli/bench_options.h"
#include "client/cli/sentence_reader.h"
#include "client/cli/vector_writer.h"
#include "client/credentials.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo::cli {

// Options of every command.
struct ServerChoice {
  std::string server = "localhost:50051";
  std::string model;
  std::chrono::milliseconds timeout{60'000};
  bool wait = false;
  CredentialFiles credentials;
  std::string tls_name;
};

// elmo-client embed
struct EmbedCommand {
  std::vector<std::string> inputs;  // None: standard input.
  InputFormat input_format = InputFormat::kAuto;
  OutputFormat format = OutputFormat::kJsonl;
  std::string output = "-";
  std::string index;  // Empty: none.
  v1::OutputSpec spec;
  v1::StartState start_state = v1::DEFAULT;
  int concurrency = 4;
  bool quiet = false;
};

// elmo-client compare
struct CompareCommand {
  std::string word;
  std::vector<std::string> sentences;
  std::string file;  // Empty: none; "-": standard input.
  std::optional<int> layer;
  v1::StartState start_state = v1::DEFAULT;
  bool json = false;
};

// elmo-client info
struct InfoCommand {
  bool json = false;
};

// elmo-client health
struct HealthCommand {
  std::string service = "readiness";
};

struct CommandLine {
  ServerChoice server;
  std::variant<EmbedCommand, CompareCommand, InfoCommand, HealthCommand,
               BenchCommand>
      command;
};

// Exit codes of the program.
constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

// Reads the arguments; argv[0] is the program's name, used in the examples of
// the help. `default_server` empty: localhost:50051. Where there is nothing to
// run, prints to `out` (help) or `err` (what is wrong) and returns an exit
// code.
std::variant<CommandLine, int> ParseCommandLine(
    const std::vector<std::string>& argv, const std::string& default_server,
    std::ostream& out, std::ostream& err);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_CLI_OPTIONS_H_
