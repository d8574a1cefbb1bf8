#include "server/logging.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "server/logs/log_event.h"

namespace elmo {

void SetUpLogging(const std::string& level, const std::string& format) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("elmo-server"));
  spdlog::set_level(spdlog::level::from_str(level));
  SetLogFormat(format == "json" ? LogFormat::kJson : LogFormat::kText);
  google::protobuf::SetLogHandler(nullptr);
  gpr_set_log_function([](gpr_log_func_args* args) {
    spdlog::debug("gRPC: {}", args->message);
  });
}

}  // namespace elmo
