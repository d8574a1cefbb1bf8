#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/text_width.h"
#include "core/base/status_macros.h"

namespace elmo::cli {

absl::Status RunHealth(const ServerChoice& server, const HealthCommand& command,
                       const std::shared_ptr<EmbedConnection>& connection) {
  ELMO_ASSIGN_OR_RETURN(const bool serving,
                        connection->IsServing({}, command.service));
  if (!serving) {
    return absl::FailedPreconditionError(
        absl::StrCat(server.server, ": ", command.service, " NOT_SERVING"));
  }
  return Print(absl::StrCat(Printable(command.service), " SERVING\n"));
}

}  // namespace elmo::cli
