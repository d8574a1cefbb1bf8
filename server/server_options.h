#ifndef ELMO_SERVER_SERVER_OPTIONS_H_
#define ELMO_SERVER_SERVER_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/batching/batch_scheduler.h"
#include "server/logs/access_log.h"
#include "server/request_limits.h"
#include "server/security/security_options.h"

namespace elmo {

// Limits and times of the connections, passed on to gRPC.
struct ConnectionOptions {
  // A connection is closed gently at this age (10 % jitter), so that clients
  // look up the addresses again and find new servers.
  std::chrono::milliseconds max_connection_age = std::chrono::minutes(30);
  // Calls that run then may go on for this long.
  std::chrono::milliseconds max_connection_age_grace = std::chrono::minutes(5);
  // A silent peer is asked whether it is still there, and given up when it does
  // not answer in time.
  std::chrono::milliseconds keepalive_time = std::chrono::minutes(1);
  std::chrono::milliseconds keepalive_timeout = std::chrono::seconds(20);
  // From the connection to the first HTTP/2 settings.
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
  // Calls at a time on one connection; a client keeps the others back.
  int max_concurrent_streams = 1000;
  // Connections at a time; more are closed at once. Not for unix sockets.
  int max_connections = 10000;
  // Close connections that send calls only to reset them, or control frames
  // without end. Not for unix sockets.
  bool guard_connections = true;
  // Memory for gRPC's own buffers, all connections together.
  int64_t max_buffer_bytes = int64_t{512} << 20;

  // INVALID_ARGUMENT naming the option, the value and the limit.
  absl::Status Validate() const;
};

// Everything that a Server can be told. What each is for stands in
// docs/operations.md, which a test compares with the flags.
struct ServerOptions {
  // HOST:PORT, [HOST]:PORT or unix:PATH; port 0: one that is free. Only this
  // machine by default: without further options anybody may call.
  std::string listen = "127.0.0.1:50051";
  RequestLimits limits;
  BatchScheduler::Options scheduler;
  ConnectionOptions connection;
  SecurityOptions security;
  // HOST:PORT or [HOST]:PORT for metrics over plain HTTP; port 0: one that is
  // free. Empty: none.
  std::string metrics_listen;
  // Which calls get a line in the log.
  AccessLog::Options access_log;
  // For calls without a deadline of their own.
  std::chrono::milliseconds default_deadline = std::chrono::minutes(1);
  // Memory of requests and answers from arrival until sent.
  int64_t max_bytes_in_flight = int64_t{512} << 20;
  int64_t max_bytes_in_flight_per_connection = int64_t{256} << 20;
  // An answer of which the client takes nothing for this long ends its call.
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(30);
  bool reflection = true;
  bool channelz = false;
  // On a signal the server says that it is not ready and still accepts calls
  // for `drain_delay`; then it finishes what it accepted, for at most
  // `drain_timeout`.
  std::chrono::milliseconds drain_delay = std::chrono::milliseconds(0);
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(30);

  // INVALID_ARGUMENT naming the option, the value and the limit; also where
  // two options contradict each other.
  absl::Status Validate() const;
};

}  // namespace elmo

#endif  // ELMO_SERVER_SERVER_OPTIONS_H_
