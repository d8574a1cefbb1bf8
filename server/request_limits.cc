#include "server/request_limits.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace elmo {

absl::Status RequestLimits::Validate() const {
  // gRPC and protobuf count bytes of a message in an int.
  constexpr int64_t kMaxMessageBytes = std::numeric_limits<int>::max();
  const struct {
    const char* name;
    int64_t value;
    int64_t max;
  } limits[] = {
      {"--max-sentences-per-request", max_sentences_per_request, 1 << 20},
      {"--max-tokens-per-sentence", max_tokens_per_sentence, 1 << 20},
      {"--max-tokens-per-request", max_tokens_per_request, 1 << 24},
      {"--max-bytes-per-sentence", max_bytes_per_sentence, kMaxMessageBytes},
      {"--max-request-bytes", max_request_bytes, kMaxMessageBytes},
      // Shapes, tokens and timings need some room beside the vectors.
      {"--max-response-bytes", max_response_bytes, kMaxMessageBytes / 2},
  };
  for (const auto& limit : limits) {
    if (limit.value < 1 || limit.value > limit.max) {
      return absl::InvalidArgumentError(absl::StrCat(
          limit.name, " is ", limit.value, "; it must be 1 to ", limit.max));
    }
  }
  return absl::OkStatus();
}

}  // namespace elmo
