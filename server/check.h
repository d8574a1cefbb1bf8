#ifndef ELMO_SERVER_CHECK_H_
#define ELMO_SERVER_CHECK_H_

#include <iosfwd>

#include "server/command_line.h"

namespace elmo {

// elmo-server --check: reads and checks whatever the options name as a start
// would, models with their warm-up, and serves nothing: addresses are tried for
// a moment with another port. Says on `out` what it found, a line each. The
// exit code: 0, or 1 where the server could not start.
int RunCheck(const CommandLine& options, std::ostream& out);

}  // namespace elmo

#endif  // ELMO_SERVER_CHECK_H_
