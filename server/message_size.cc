#include "server/message_size.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "elmo/v1/embedding.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace elmo {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint32_t LengthDelimited(int field) {
  return static_cast<uint32_t>(field) << 3 |
         WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

constexpr uint32_t kSentences =
    LengthDelimited(v1::EmbedRequest::kSentencesFieldNumber);
constexpr uint32_t kTokens = LengthDelimited(v1::Sentence::kTokensFieldNumber);

CodedInputStream StreamOf(std::string_view bytes) {
  return CodedInputStream(reinterpret_cast<const uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
}

// Calls visit(tag, length) at each length-delimited field, with the stream at
// its first byte; `visit` must pass over the field. Ends at the end of the
// bytes, where they are malformed, or when `visit` returns false.
template <typename Visit>
void ForEachField(CodedInputStream* stream, Visit visit) {
  while (const uint32_t tag = stream->ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) !=
        WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(stream, tag)) return;
      continue;
    }
    int length;
    if (!stream->ReadVarintSizeAsInt(&length) || !visit(tag, length)) return;
  }
}

int64_t CountTokens(std::string_view sentence) {
  int64_t count = 0;
  CodedInputStream stream = StreamOf(sentence);
  ForEachField(&stream, [&](uint32_t tag, int length) {
    if (tag == kTokens) ++count;
    return stream.Skip(length);
  });
  return count;
}

}  // namespace

absl::Status CheckMessageSize(std::string_view request,
                              const RequestLimits& limits) {
  if (request.size() > std::numeric_limits<int>::max()) return absl::OkStatus();
  int64_t sentences = 0;
  int64_t tokens = 0;
  CodedInputStream stream = StreamOf(request);
  ForEachField(&stream, [&](uint32_t tag, int length) {
    if (tag == kSentences) {
      ++sentences;
      tokens += CountTokens(
          request.substr(static_cast<size_t>(stream.CurrentPosition()),
                         static_cast<size_t>(length)));
    }
    return stream.Skip(length);
  });
  if (sentences > limits.max_sentences_per_request) {
    return absl::InvalidArgumentError(
        absl::StrCat("sentences has ", sentences, " entries; limit is ",
                     limits.max_sentences_per_request));
  }
  if (tokens > limits.max_tokens_per_request) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sentences has ", tokens, " tokens; limit of a request is ",
        limits.max_tokens_per_request));
  }
  return absl::OkStatus();
}

}  // namespace elmo
