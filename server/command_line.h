#ifndef ELMO_SERVER_COMMAND_LINE_H_
#define ELMO_SERVER_COMMAND_LINE_H_

#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "server/server_options.h"

namespace elmo {

// What elmo-server is told: flags, or else the environment (ELMO_ and the
// flag's name, as in ELMO_MAX_BATCH_ROWS), or else the file that --config
// names, or else the default.
struct CommandLine {
  struct Model {
    std::string name;       // Empty: the package's own name.
    std::string directory;  // Never empty.
  };

  ServerOptions server;
  std::vector<Model> models;      // At least one; the first is the default.
  std::string precision = "f32";  // A PrecisionName().
  std::string lstm = "auto";      // auto, primitive or merged.
  int word_cache_mb = 64;
  std::string port_file;          // Empty: none.
  std::string metrics_port_file;  // Likewise, of the metrics.
  std::string log_level = "info";
  // End after checking whatever is named; serve nothing.
  bool check = false;
  // Every option with its value, in one line for the log.
  std::string effective;
  std::string log_format = "text";  // text or json.
  // Names in the environment that look like options and are none.
  std::vector<std::string> unknown_variables;
};

// Reads and checks the command line. The exit code instead where the program is
// to end: 0 after --help or --version (written to `out`), 2 for a mistake
// (explained on `err`). `workers` is the default of --workers.
std::variant<CommandLine, int> ParseCommandLine(int argc,
                                                const char* const* argv,
                                                int workers, std::ostream& out,
                                                std::ostream& err);

}  // namespace elmo

#endif  // ELMO_SERVER_COMMAND_LINE_H_
