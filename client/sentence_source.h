#ifndef ELMO_CLIENT_SENTENCE_SOURCE_H_
#define ELMO_CLIENT_SENTENCE_SOURCE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo {

// A sentence that the server splits into words; or one that is split already.
inline v1::Sentence TextSentence(std::string text) {
  v1::Sentence sentence;
  sentence.set_text(std::move(text));
  return sentence;
}
inline v1::Sentence TokenSentence(const std::vector<std::string>& tokens) {
  v1::Sentence sentence;
  sentence.mutable_tokens()->Assign(tokens.begin(), tokens.end());
  return sentence;
}

// Sentences one after another, for inputs that do not fit in memory. Used by
// one thread.
class SentenceSource {
 public:
  virtual ~SentenceSource() = default;

  // The next sentence; nothing at the end. An error ends the input.
  virtual absl::StatusOr<std::optional<v1::Sentence>> Next() = 0;

  // True where Next() would have to wait for somebody (a pipe, a person):
  // what has been read is then sent without waiting for more.
  virtual bool MustWait() { return false; }
};

// Sentences in memory, which must outlive the source.
class VectorSource : public SentenceSource {
 public:
  explicit VectorSource(const std::vector<v1::Sentence>& sentences)
      : sentences_(sentences) {}

  absl::StatusOr<std::optional<v1::Sentence>> Next() override {
    if (next_ == sentences_.size()) return std::nullopt;
    return sentences_[next_++];
  }

 private:
  const std::vector<v1::Sentence>& sentences_;
  size_t next_ = 0;
};

}  // namespace elmo

#endif  // ELMO_CLIENT_SENTENCE_SOURCE_H_
