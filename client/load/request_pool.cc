#include "client/load/request_pool.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "client/load/load_random.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

constexpr int kVocabulary = 20000;

// The word with this number, always the same.
std::string InventWord(uint64_t number) {
  constexpr char kConsonants[] = "bdfgklmnprstvz";
  constexpr char kVowels[] = "aeiou";
  constexpr uint64_t kNumConsonants = sizeof(kConsonants) - 1;
  constexpr uint64_t kNumVowels = sizeof(kVowels) - 1;
  std::string word;
  do {
    word += kConsonants[number % kNumConsonants];
    number /= kNumConsonants;
    word += kVowels[number % kNumVowels];
    number /= kNumVowels;
  } while (number > 0);
  return word;
}

// Word number n about in proportion to 1 / n (Zipf): the logarithm is uniform.
uint64_t DrawWord(LoadRandom* random) {
  return static_cast<uint64_t>(std::pow(kVocabulary, random->Uniform())) - 1;
}

v1::Sentence InventSentence(const RequestPoolOptions& options,
                            LoadRandom* random) {
  // exp(mu + s * normal) has the mean exp(mu + s^2 / 2).
  const double mu =
      std::log(options.mean_tokens) - options.spread * options.spread / 2;
  const double length = std::exp(mu + options.spread * random->Normal());
  const int64_t tokens = std::llround(
      std::clamp(length, 1.0, static_cast<double>(options.max_tokens)));
  v1::Sentence sentence;
  for (int64_t i = 0; i < tokens; ++i) {
    sentence.add_tokens(InventWord(DrawWord(random)));
  }
  return sentence;
}

int32_t CountTokens(const v1::Sentence& sentence) {
  if (sentence.tokens_size() > 0) return sentence.tokens_size();
  const std::vector<absl::string_view> words = absl::StrSplit(
      sentence.text(), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  return static_cast<int32_t>(words.size());
}

PooledRequest Pooled(std::shared_ptr<v1::EmbedRequest> message) {
  PooledRequest request;
  request.sentences = message->sentences_size();
  for (const v1::Sentence& sentence : message->sentences()) {
    request.tokens += CountTokens(sentence);
  }
  request.message = std::move(message);
  return request;
}

}  // namespace

std::vector<PooledRequest> InventRequests(const RequestPoolOptions& options,
                                          const v1::EmbedRequest& prototype) {
  LoadRandom random(options.seed);
  std::vector<PooledRequest> requests;
  for (int i = 0; i < options.distinct; ++i) {
    auto message = std::make_shared<v1::EmbedRequest>(prototype);
    for (int j = 0; j < options.sentences_per_request; ++j) {
      *message->add_sentences() = InventSentence(options, &random);
    }
    requests.push_back(Pooled(std::move(message)));
  }
  return requests;
}

absl::StatusOr<std::vector<PooledRequest>> ReadRequests(
    const RequestPoolOptions& options, const v1::EmbedRequest& prototype,
    SentenceSource* source) {
  std::vector<PooledRequest> requests;
  bool at_end = false;
  while (!at_end && static_cast<int>(requests.size()) < options.distinct) {
    auto message = std::make_shared<v1::EmbedRequest>(prototype);
    while (message->sentences_size() < options.sentences_per_request) {
      ELMO_ASSIGN_OR_RETURN(std::optional<v1::Sentence> sentence,
                            source->Next());
      at_end = !sentence.has_value();
      if (at_end) break;
      *message->add_sentences() = *std::move(sentence);
    }
    if (message->sentences_size() > 0) {
      requests.push_back(Pooled(std::move(message)));
    }
  }
  if (!requests.empty()) return requests;
  return absl::FailedPreconditionError("there is no sentence to send");
}

}  // namespace elmo
