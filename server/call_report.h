#ifndef ELMO_SERVER_CALL_REPORT_H_
#define ELMO_SERVER_CALL_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/batching/sentence_task.h"

namespace elmo {

// The methods of elmo.v1.EmbeddingService.
enum class RpcMethod { kEmbed, kEmbedStream, kGetModel, kListModels };
constexpr int kRpcMethods = 4;

// "Embed".
inline const char* MethodName(RpcMethod method) {
  switch (method) {
    case RpcMethod::kEmbedStream:
      return "EmbedStream";
    case RpcMethod::kGetModel:
      return "GetModel";
    case RpcMethod::kListModels:
      return "ListModels";
    case RpcMethod::kEmbed:
      break;
  }
  return "Embed";
}

// gRPC's names: "OK", "INVALID_ARGUMENT".
inline std::string CodeName(absl::StatusCode code) {
  return absl::StatusCodeToString(code);
}

// One call that is over, for metrics and the log. Never holds what the caller
// sent, but for the two identifiers, which were checked.
struct CallReport {
  RpcMethod method = RpcMethod::kEmbed;
  // The message names fields, values and limits; no caller's text.
  absl::Status status;
  Duration duration{};
  // Of the sentence that was last; of a stream, the sums over its requests.
  Duration queue_time{};
  Duration compute_time{};
  // Of valid requests; boundaries are not counted.
  int64_t sentences = 0;
  int64_t tokens = 0;
  int64_t request_bytes = 0;
  int64_t response_bytes = 0;
  std::string peer;        // "ipv4:10.0.0.1:40000".
  std::string request_id;  // The caller's, or made here.
  std::string trace_id;    // Of the caller's traceparent; empty: none.
  std::string span_id;     // Likewise.
};

}  // namespace elmo

#endif  // ELMO_SERVER_CALL_REPORT_H_
