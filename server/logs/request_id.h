#ifndef ELMO_SERVER_LOGS_REQUEST_ID_H_
#define ELMO_SERVER_LOGS_REQUEST_ID_H_

#include <string>
#include <string_view>

namespace elmo {

constexpr size_t kMaxRequestIdBytes = 128;

// Whether a caller's id can be used: 1 to 128 printable ASCII characters, no
// space.
bool IsRequestId(std::string_view id);

// A new one: 32 random hexadecimal digits. Thread-safe.
std::string NewRequestId();

}  // namespace elmo

#endif  // ELMO_SERVER_LOGS_REQUEST_ID_H_
