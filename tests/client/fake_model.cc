#include "tests/client/fake_model.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace elmo::testing {
namespace {

std::vector<v1::Token> Tokens(const v1::Sentence& sentence) {
  std::vector<v1::Token> tokens;
  for (const std::string& text : sentence.tokens()) {
    tokens.emplace_back().set_text(text);
  }
  const std::string& text = sentence.text();
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin + 1 && text[end - 1] == '.') --end;
    if (end > begin) {
      v1::Token& token = tokens.emplace_back();
      token.set_text(text.substr(begin, end - begin));
      token.set_begin(static_cast<int64_t>(begin));
      token.set_end(static_cast<int64_t>(end));
    }
    begin = end < text.size() && text[end] == '.' ? end : end + 1;
  }
  return tokens;
}

std::vector<float> Vector(int layer, int row, const std::string& token) {
  const auto first = static_cast<unsigned char>(token.empty() ? 0 : token[0]);
  return {static_cast<float>(layer), static_cast<float>(row),
          static_cast<float>(token.size()), static_cast<float>(first)};
}

void Pool(std::vector<std::vector<float>>* rows) {
  std::vector<float> mean(kFakeDim);
  for (const std::vector<float>& row : *rows) {
    for (int d = 0; d < kFakeDim; ++d) {
      mean[d] += row[d] / static_cast<float>(rows->size());
    }
  }
  *rows = {mean};
}

void Encode(float value, v1::Encoding encoding, v1::SentenceEmbedding* out) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  uint16_t half = 0;  // No subnormals here, and nothing to round.
  if (bits != 0) {
    half = static_cast<uint16_t>((bits >> 16 & 0x8000u) |
                                 (((bits >> 23 & 0xffu) - 112) << 10) |
                                 (bits >> 13 & 0x3ffu));
  }
  switch (encoding) {
    case v1::FLOAT_LIST:
      return out->add_values(value);
    case v1::FLOAT16:
      out->mutable_data()->append(reinterpret_cast<char*>(&half), 2);
      return;
    case v1::BFLOAT16:
      half = static_cast<uint16_t>(bits >> 16);
      out->mutable_data()->append(reinterpret_cast<char*>(&half), 2);
      return;
    default:
      out->mutable_data()->append(reinterpret_cast<char*>(&bits), 4);
  }
}

v1::SentenceEmbedding EmbedSentence(const v1::Sentence& sentence,
                                    const v1::OutputSpec& output) {
  v1::SentenceEmbedding embedding;
  const std::vector<v1::Token> tokens = Tokens(sentence);
  std::vector<std::string> words;
  if (output.keep_boundaries()) words.push_back("<S>");
  for (const v1::Token& token : tokens) words.push_back(token.text());
  if (output.keep_boundaries()) words.push_back("</S>");
  std::vector<int> layers = {1};
  if (output.has_layers()) {
    layers.assign(output.layers().indices().begin(),
                  output.layers().indices().end());
    if (layers.empty()) layers = {0, 1, 2};
    embedding.add_shape(static_cast<int64_t>(layers.size()));
  }
  const bool pooled = output.pooling() != v1::OutputSpec::NONE;
  if (!pooled) embedding.add_shape(static_cast<int64_t>(words.size()));
  embedding.add_shape(kFakeDim);
  for (const int layer : layers) {
    std::vector<std::vector<float>> rows;
    for (const std::string& word : words) {
      rows.push_back(Vector(layer, static_cast<int>(rows.size()), word));
    }
    if (pooled) Pool(&rows);
    for (const auto& row : rows) {
      for (const float value : row)
        Encode(value, output.encoding(), &embedding);
    }
  }
  if (output.return_tokens()) {
    embedding.mutable_tokens()->Assign(tokens.begin(), tokens.end());
  }
  return embedding;
}

absl::Status CheckLimit(const char* what, int64_t value, int64_t limit) {
  if (value <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", value, "; the limit is ", limit));
}

}  // namespace

v1::Model FakeModel() {
  v1::Model model;
  model.set_name("tiny");
  model.set_checksum("0123456789abcdef");
  model.set_precision("f32");
  model.set_lstm_layers(kFakeLayers - 1);
  model.set_dim(kFakeDim);
  model.set_cell_dim(8);
  model.set_max_bytes_per_token(48);
  model.set_default_start_state(v1::ZERO);
  v1::Limits* limits = model.mutable_limits();
  limits->set_sentences_per_request(8);
  limits->set_tokens_per_sentence(64);
  limits->set_tokens_per_request(64);
  limits->set_bytes_per_sentence(1000);
  limits->set_request_bytes(10000);
  limits->set_response_bytes(4096);
  return model;
}

absl::StatusOr<v1::EmbedResponse> FakeAnswer(const v1::EmbedRequest& request) {
  const v1::Model model = FakeModel();
  const v1::Limits& limits = model.limits();
  if (!request.model().empty() && request.model() != model.name()) {
    return absl::NotFoundError("model is not served here");
  }
  if (request.sentences().empty()) {
    return absl::InvalidArgumentError("sentences is empty");
  }
  ELMO_RETURN_IF_ERROR(CheckLimit("number of sentences",
                                  request.sentences_size(),
                                  limits.sentences_per_request()));
  v1::EmbedResponse response;
  int64_t tokens = 0;
  int64_t bytes = 0;
  for (int i = 0; i < request.sentences_size(); ++i) {
    const int64_t count =
        static_cast<int64_t>(Tokens(request.sentences(i)).size());
    ELMO_RETURN_IF_ERROR(
        CheckLimit(absl::StrCat("sentences[", i, "] tokens").c_str(), count,
                   limits.tokens_per_sentence()));
    tokens += count;
    v1::SentenceEmbedding* embedding = response.add_embeddings();
    *embedding = EmbedSentence(request.sentences(i), request.output());
    bytes += static_cast<int64_t>(embedding->data().size()) +
             4 * embedding->values_size();
  }
  ELMO_RETURN_IF_ERROR(
      CheckLimit("number of tokens", tokens, limits.tokens_per_request()));
  ELMO_RETURN_IF_ERROR(
      CheckLimit("answer bytes", bytes, limits.response_bytes()));
  response.set_model(model.name());
  response.set_model_checksum(model.checksum());
  response.set_encoding(request.output().encoding());
  return response;
}

}  // namespace elmo::testing
