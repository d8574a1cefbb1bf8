#ifndef ELMO_SERVER_LOGGING_H_
#define ELMO_SERVER_LOGGING_H_

#include <string>

namespace elmo {

// Sends the program's log to stderr from `level` ("debug" .. "off") on, as
// `format` ("text" or "json"; log_event.h). What
// gRPC says goes with it at level debug, what protobuf says goes nowhere: both
// have a line for every malformed request, with which anybody could fill the
// disk. Nothing that is logged holds a caller's text.
//
// Call it before gRPC is used.
void SetUpLogging(const std::string& level, const std::string& format);

}  // namespace elmo

#endif  // ELMO_SERVER_LOGGING_H_
