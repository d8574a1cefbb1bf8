#ifndef ELMO_SERVER_MESSAGE_SIZE_H_
#define ELMO_SERVER_MESSAGE_SIZE_H_

#include <string_view>

#include "absl/status/status.h"
#include "server/request_limits.h"

namespace elmo {

// Counts the sentences and tokens of a serialised EmbedRequest without making
// anything of them: an empty sentence is two bytes on the wire and some hundred
// in memory, so that a request within its limit of bytes could take gigabytes.
//
// INVALID_ARGUMENT naming the field, the count and the limit, as
// RequestValidator does. Malformed bytes are OK up to where they can be read:
// the parser judges them.
absl::Status CheckMessageSize(std::string_view request,
                              const RequestLimits& limits);

}  // namespace elmo

#endif  // ELMO_SERVER_MESSAGE_SIZE_H_
