#ifndef ELMO_SERVER_UNKNOWN_VARIABLES_H_
#define ELMO_SERVER_UNKNOWN_VARIABLES_H_

#include <set>
#include <string>
#include <vector>

namespace elmo {

// Names in the process' environment that begin with ELMO_ and are not `known`:
// a slip of the pen must not pass for a default. Left out is what is meant for
// somebody else: what Kubernetes tells its pods of a service called elmo or
// elmo-something, and elmo-client's own.
std::vector<std::string> UnknownVariables(const std::set<std::string>& known);

}  // namespace elmo

#endif  // ELMO_SERVER_UNKNOWN_VARIABLES_H_
