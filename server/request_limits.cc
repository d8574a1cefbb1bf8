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
      {"sentences_per_request", sentences_per_request, 1 << 20},
      {"tokens_per_sentence", tokens_per_sentence, 1 << 20},
      {"tokens_per_request", tokens_per_request, 1 << 24},
      {"bytes_per_sentence", bytes_per_sentence, kMaxMessageBytes},
      {"request_bytes", request_bytes, kMaxMessageBytes},
      // Shapes, tokens and timings need some room beside the vectors.
      {"response_bytes", response_bytes, kMaxMessageBytes / 2},
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
