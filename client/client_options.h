#ifndef ELMO_CLIENT_CLIENT_OPTIONS_H_
#define ELMO_CLIENT_CLIENT_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace elmo {

// How to reach the server. The defaults are right for one server on this
// machine and for several behind a name that resolves to all of them.
struct ClientOptions {
  // HOST:PORT, or a gRPC target such as dns:///elmo.example:50051 or
  // unix:/run/elmo.sock. Where a name has several addresses, calls go to all of
  // them in turn (round_robin).
  std::string target = "localhost:50051";

  // For each call, its retries included, unless the call names its own. The
  // server sees it as the deadline and refuses or drops what it cannot deliver
  // in time, so a larger one is patience and a smaller one is urgency.
  std::chrono::milliseconds timeout{60'000};

  // True: a call waits, up to its timeout, for a server that is not there yet.
  // False: it fails as soon as a connection has been tried and failed.
  bool wait_for_ready = false;

  // Sends of one call, the first included; gRPC allows at most 5, 1 turns
  // retries off. Only UNAVAILABLE is sent again (full queue, shutting down, no
  // connection): nothing has been computed then. The pause is the server's
  // grpc-retry-pushback-ms where it sent one, else a random time up to the
  // backoff, which doubles from `initial_backoff` to `max_backoff`.
  int max_attempts = 5;
  std::chrono::milliseconds initial_backoff{100};
  std::chrono::milliseconds max_backoff{2'000};

  // A larger request is sent once and never again: it is kept in memory for as
  // long as it might have to be repeated. gRPC's own default of 256 KiB is less
  // than one large request.
  int max_retry_bytes = 16 << 20;

  // gRPC lets connections to the same target with the same options share one
  // TCP connection. True: not this one.
  bool own_connection = false;

  // Sent with every call as "authorization: Bearer TOKEN"; empty: none. Over
  // plain text everybody on the way can read it. ReadCredentials() reads one.
  std::string token;

  // The name that the server's certificate must have; empty: that of `target`.
  std::string tls_name;

  // Answers larger than this fail with RESOURCE_EXHAUSTED. gRPC's own default
  // of 4 MiB is 341 tokens of three layers. -1: no limit but the server's.
  int max_receive_bytes = -1;
};

// How EmbedClient cuts many sentences into requests. The server's own limits
// are obeyed besides.
struct BulkOptions {
  // Requests that wait for an answer or for delivery. More keep a large server
  // busy; memory grows in proportion.
  int max_in_flight = 4;

  // Tokens of one request, as far as the client can tell; a longer sentence
  // goes alone. 1024: about 64 sentences, and 4 MiB of averaged vectors. Larger
  // requests gain nothing: the server batches sentences, not requests.
  int64_t max_request_tokens = 1024;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_CLIENT_OPTIONS_H_
