#include "client/request_planner.h"

#include <limits>
#include <string>

#include "absl/strings/ascii.h"

namespace elmo {
namespace {

// Tag and length of a sentence within the request.
constexpr int64_t kFramingBytes = 12;

int64_t LimitOrNone(int64_t limit) {
  return limit > 0 ? limit : std::numeric_limits<int64_t>::max() / 4;
}

int64_t BytesPerRow(const v1::Model& model, const v1::OutputSpec& output) {
  int64_t layers = 1;
  if (output.has_layers()) {
    layers = output.layers().indices_size();
    if (layers == 0) layers = model.lstm_layers() + 1;
  }
  const bool half =
      output.encoding() == v1::FLOAT16 || output.encoding() == v1::BFLOAT16;
  return layers * model.dim() * (half ? 2 : 4);
}

}  // namespace

int64_t EstimateTokens(const v1::Sentence& sentence) {
  if (sentence.tokens_size() > 0) return sentence.tokens_size();
  int64_t tokens = 0;
  bool in_word = false;
  for (const char c : sentence.text()) {
    const bool word = absl::ascii_isalnum(static_cast<unsigned char>(c));
    const bool continues = (c & 0xc0) == 0x80;  // Inside a UTF-8 character.
    const bool blank = absl::ascii_isspace(static_cast<unsigned char>(c));
    if (!blank && !continues && !(word && in_word)) ++tokens;
    in_word = word;
  }
  return tokens;
}

RequestPlanner::RequestPlanner(const v1::Model& model,
                               const v1::EmbedRequest& request,
                               int64_t max_tokens)
    : fixed_bytes_(static_cast<int64_t>(request.ByteSizeLong())),
      bytes_per_row_(BytesPerRow(model, request.output())),
      extra_rows_(request.output().keep_boundaries() ? 2 : 0),
      pooled_(request.output().pooling() != v1::OutputSpec::NONE) {
  const v1::Limits& limits = model.limits();
  limit_.sentences = LimitOrNone(limits.sentences_per_request());
  limit_.tokens = std::min(LimitOrNone(limits.tokens_per_request()),
                           LimitOrNone(max_tokens));
  limit_.request_bytes = LimitOrNone(limits.request_bytes());
  limit_.response_bytes = LimitOrNone(limits.response_bytes());
}

bool RequestPlanner::Add(const v1::Sentence& sentence) {
  const int64_t tokens = EstimateTokens(sentence);
  Load next = used_;
  next.sentences += 1;
  next.tokens += tokens + extra_rows_;
  next.request_bytes +=
      static_cast<int64_t>(sentence.ByteSizeLong()) + kFramingBytes;
  next.response_bytes += (pooled_ ? 1 : tokens + extra_rows_) * bytes_per_row_;
  const bool fits = next.sentences <= limit_.sentences &&
                    next.tokens <= limit_.tokens &&
                    next.request_bytes + fixed_bytes_ <= limit_.request_bytes &&
                    next.response_bytes <= limit_.response_bytes;
  if (!fits && used_.sentences > 0) return false;
  used_ = next;
  return true;
}

}  // namespace elmo
