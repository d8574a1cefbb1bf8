#include "client/bulk_embedder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace elmo {
namespace {

constexpr absl::string_view kField = "sentences[";

// gRPC's own refusals name no field; a sentence that was sent alone is known.
absl::Status NameTheOnly(const absl::Status& status, int num_sentences) {
  if (num_sentences != 1 || !absl::IsResourceExhausted(status)) return status;
  return absl::Status(status.code(),
                      absl::StrCat(kField, "0]: ", status.message()));
}

// "sentences[3].text has ..." -> "sentences[1027].text has ..." for a request
// that starts at sentence 1024.
absl::Status CountFromSource(const absl::Status& status, int64_t first) {
  const absl::string_view message = status.message();
  const size_t at = message.find(kField);
  if (at == absl::string_view::npos) return status;
  const size_t begin = at + kField.size();
  const size_t end = message.find(']', begin);
  int64_t index = 0;
  if (end == absl::string_view::npos ||
      !absl::SimpleAtoi(message.substr(begin, end - begin), &index)) {
    return status;
  }
  return absl::Status(status.code(),
                      absl::StrCat(message.substr(0, begin), first + index,
                                   message.substr(end)));
}

// Whether half of the sentences might be accepted. Where the message names one
// sentence, that one is at fault and not their number.
bool MaySplit(const absl::Status& status, int num_sentences) {
  if (num_sentences < 2) return false;
  return status.code() == absl::StatusCode::kResourceExhausted ||
         (status.code() == absl::StatusCode::kInvalidArgument &&
          !absl::StrContains(status.message(), kField));
}

}  // namespace

BulkEmbedder::BulkEmbedder(EmbedConnection& connection,
                           const CallOptions& call_options,
                           const v1::Model& model,
                           const v1::EmbedRequest& request,
                           const BulkOptions& options)
    : connection_(connection),
      call_options_(call_options),
      common_(request),
      max_in_flight_(std::max(options.max_in_flight, 1)),
      planner_(model, request, options.max_request_tokens),
      next_(std::make_shared<v1::EmbedRequest>(common_)) {}

absl::Status BulkEmbedder::Run(SentenceSource& source,
                               const SentenceSink& sink) {
  absl::Status status = RunToEnd(source, sink);
  CancelAll();
  return status;
}

absl::Status BulkEmbedder::RunToEnd(SentenceSource& source,
                                    const SentenceSink& sink) {
  while (true) {
    while (in_flight_.size() < max_in_flight_ && !source_ended_) {
      // Answers that are on their way go out before a wait for input.
      if (!left_over_ && source.MustWait() && !in_flight_.empty()) break;
      Gather(source);
      if (next_->sentences_size() == 0) break;
      const int64_t count = next_->sentences_size();
      in_flight_.push_back(Start(std::move(next_), next_first_));
      next_first_ += count;
      next_ = std::make_shared<v1::EmbedRequest>(common_);
      planner_.Reset();
    }
    if (in_flight_.empty()) return source_status_;
    ELMO_RETURN_IF_ERROR(FinishOldest(sink));
  }
}

void BulkEmbedder::Gather(SentenceSource& source) {
  while (true) {
    if (!left_over_) {
      if (next_->sentences_size() > 0 && source.MustWait()) return;
      absl::StatusOr<std::optional<v1::Sentence>> read = source.Next();
      if (!read.ok() || !*read) {
        source_ended_ = true;
        source_status_ = read.status();
        return;
      }
      left_over_ = **std::move(read);
    }
    if (!planner_.Add(*left_over_)) return;
    *next_->add_sentences() = *std::exchange(left_over_, std::nullopt);
  }
}

BulkEmbedder::Call BulkEmbedder::Start(
    std::shared_ptr<v1::EmbedRequest> request, int64_t first) {
  Call call{first, std::move(request), std::make_shared<Mailbox>(), {}};
  call.cancel = connection_.AsyncEmbed(
      call_options_, call.request,
      [mailbox = call.mailbox](absl::StatusOr<v1::EmbedResponse> answer) {
        MutexLock lock(&mailbox->mu);
        mailbox->answer = std::move(answer);
        mailbox->finished.NotifyOne();
      });
  return call;
}

absl::Status BulkEmbedder::FinishOldest(const SentenceSink& sink) {
  const Call& call = in_flight_.front();
  absl::StatusOr<v1::EmbedResponse> answer;
  {
    Mailbox& mailbox = *call.mailbox;
    MutexLock lock(&mailbox.mu);
    while (!mailbox.answer) mailbox.finished.Wait(&mailbox.mu);
    answer = *std::move(mailbox.answer);
  }
  const int count = call.request->sentences_size();
  if (MaySplit(answer.status(), count)) {
    SplitOldest();
    return absl::OkStatus();
  }
  if (!answer.ok()) {
    return CountFromSource(NameTheOnly(answer.status(), count), call.first);
  }
  ELMO_RETURN_IF_ERROR(Deliver(call, *answer, sink));
  in_flight_.pop_front();
  return absl::OkStatus();
}

absl::Status BulkEmbedder::Deliver(const Call& call,
                                   const v1::EmbedResponse& response,
                                   const SentenceSink& sink) const {
  const v1::EmbedRequest& request = *call.request;
  if (response.embeddings_size() != request.sentences_size()) {
    return absl::InternalError(absl::StrCat(
        "malformed answer: ", response.embeddings_size(), " embeddings for ",
        request.sentences_size(), " sentences"));
  }
  for (int i = 0; i < request.sentences_size(); ++i) {
    absl::StatusOr<SentenceVectors> vectors =
        DecodeSentence(response.embeddings(i), response.encoding(),
                       request.sentences(i), request.output());
    if (!vectors.ok()) {
      return absl::Status(
          vectors.status().code(),
          absl::StrCat("malformed answer: embeddings[", call.first + i,
                       "]: ", vectors.status().message()));
    }
    ELMO_RETURN_IF_ERROR(sink(*std::move(vectors)));
  }
  return absl::OkStatus();
}

void BulkEmbedder::SplitOldest() {
  const Call whole = std::move(in_flight_.front());
  in_flight_.pop_front();
  const auto& sentences = whole.request->sentences();
  const int half = sentences.size() / 2;
  auto left = std::make_shared<v1::EmbedRequest>(common_);
  auto right = std::make_shared<v1::EmbedRequest>(common_);
  left->mutable_sentences()->Add(sentences.begin(), sentences.begin() + half);
  right->mutable_sentences()->Add(sentences.begin() + half, sentences.end());
  in_flight_.push_front(Start(std::move(right), whole.first + half));
  in_flight_.push_front(Start(std::move(left), whole.first));
}

void BulkEmbedder::CancelAll() {
  for (const Call& call : in_flight_) call.cancel();
  for (const Call& call : in_flight_) {
    Mailbox& mailbox = *call.mailbox;
    MutexLock lock(&mailbox.mu);
    while (!mailbox.answer) mailbox.finished.Wait(&mailbox.mu);
  }
  in_flight_.clear();
}

}  // namespace elmo
