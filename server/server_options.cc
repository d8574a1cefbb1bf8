#include "server/server_options.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "server/in_flight.h"

namespace elmo {
namespace {

using std::chrono::milliseconds;

// gRPC takes times in an int of milliseconds.
constexpr int64_t kMaxMilliseconds = std::numeric_limits<int>::max();

absl::Status CheckRange(absl::string_view name, int64_t value, int64_t min,
                        int64_t max, absl::string_view unit = "") {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", value, unit, "; it must be ", min, " to ", max, unit));
}

absl::Status CheckTime(absl::string_view name, milliseconds value,
                       int64_t min = 1) {
  return CheckRange(name, value.count(), min, kMaxMilliseconds, " ms");
}

bool IsHostAndPort(absl::string_view listen) {
  const size_t colon = listen.rfind(':');
  int port = -1;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(listen.substr(colon + 1), &port) && port >= 0 &&
         port <= 65535;
}

// gRPC fills in what is missing (port 443) instead of refusing it.
absl::Status CheckAddress(absl::string_view name, absl::string_view listen) {
  if (absl::StartsWith(listen, "unix:") && listen.size() > 5) {
    return absl::OkStatus();
  }
  if (IsHostAndPort(listen)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is \"", listen,
      "\"; it must be HOST:PORT, [HOST]:PORT or unix:PATH, with a port of 0 to "
      "65535"));
}

// A list of addresses, which the HTTP server would take, is not for us.
absl::Status CheckMetricsAddress(absl::string_view listen) {
  if (listen.empty() ||
      (IsHostAndPort(listen) && !absl::StrContains(listen, ','))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--metrics-listen is \"", listen,
      "\"; it must be HOST:PORT or [HOST]:PORT, with a port of 0 to 65535, or "
      "empty"));
}

}  // namespace

absl::Status ConnectionOptions::Validate() const {
  ELMO_RETURN_IF_ERROR(CheckTime("--max-connection-age", max_connection_age));
  ELMO_RETURN_IF_ERROR(
      CheckTime("--max-connection-age-grace", max_connection_age_grace));
  ELMO_RETURN_IF_ERROR(CheckTime("--keepalive-time", keepalive_time));
  ELMO_RETURN_IF_ERROR(CheckTime("--keepalive-timeout", keepalive_timeout));
  ELMO_RETURN_IF_ERROR(CheckTime("--handshake-timeout", handshake_timeout));
  ELMO_RETURN_IF_ERROR(
      CheckRange("--max-connections", max_connections, 1, 1000000));
  ELMO_RETURN_IF_ERROR(CheckRange("--max-concurrent-streams",
                                  max_concurrent_streams, 1,
                                  std::numeric_limits<int>::max()));
  return CheckRange("--max-buffer-bytes", max_buffer_bytes, 1 << 20,
                    std::numeric_limits<int64_t>::max());
}

absl::Status ServerOptions::Validate() const {
  ELMO_RETURN_IF_ERROR(CheckAddress("--listen", listen));
  if (!security.probe_listen.empty()) {
    ELMO_RETURN_IF_ERROR(CheckAddress("--probe-listen", security.probe_listen));
  }
  ELMO_RETURN_IF_ERROR(security.Validate(listen));
  ELMO_RETURN_IF_ERROR(CheckMetricsAddress(metrics_listen));
  ELMO_RETURN_IF_ERROR(CheckTime("--slow-request", access_log.slow_request, 0));
  ELMO_RETURN_IF_ERROR(limits.Validate());
  ELMO_RETURN_IF_ERROR(scheduler.Validate());
  ELMO_RETURN_IF_ERROR(connection.Validate());
  ELMO_RETURN_IF_ERROR(CheckTime("--default-deadline", default_deadline));
  ELMO_RETURN_IF_ERROR(CheckTime("--stall-timeout", stall_timeout));
  ELMO_RETURN_IF_ERROR(CheckTime("--drain-delay", drain_delay, 0));
  ELMO_RETURN_IF_ERROR(CheckTime("--drain-timeout", drain_timeout, 0));

  // What is within the limits must be possible once the server is idle.
  const int64_t largest_request =
      limits.max_tokens_per_request + 2 * limits.max_sentences_per_request;
  if (scheduler.queue.max_queued_tokens < largest_request) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--max-queued-tokens is ", scheduler.queue.max_queued_tokens,
        "; it must be at least ", largest_request,
        " (--max-tokens-per-request, and two boundaries for each of "
        "--max-sentences-per-request)"));
  }
  // An answer is held as computed (4 bytes a number) and as sent (2 or 4). A
  // part of the limits is for requests that wait, so there must be more.
  constexpr int64_t kPart = InFlight::kWaitingPart;
  const int64_t largest_call =
      limits.max_request_bytes + 3 * limits.max_response_bytes;
  const int64_t least =
      std::max((kPart * largest_call + kPart - 2) / (kPart - 1),
               kPart * limits.max_request_bytes);
  const std::pair<const char*, int64_t> in_flight[] = {
      {"--max-bytes-in-flight", max_bytes_in_flight},
      {"--max-bytes-in-flight-per-connection",
       max_bytes_in_flight_per_connection},
  };
  for (const auto& [name, value] : in_flight) {
    if (value < least) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " is ", value, "; it must be at least ", least,
          " (one part in ", kPart,
          " must hold --max-request-bytes, the others these and three times "
          "--max-response-bytes)"));
    }
  }
  return absl::OkStatus();
}

}  // namespace elmo
