#include "server/embed_job.h"

#include <utility>

#include "core/base/check.h"

namespace elmo {

EmbedJob::EmbedJob(EmbedPlan plan, TimePoint received)
    : plan_(std::move(plan)),
      received_(received),
      remaining_(static_cast<int>(plan_.sentences.size())),
      values_(plan_.sentences.size()) {
  ELMO_CHECK(!plan_.sentences.empty());
}

std::vector<SentenceTask> EmbedJob::Start(ClientId client, TimePoint deadline,
                                          OnDone on_done,
                                          OnSentence on_sentence) {
  on_done_ = std::move(on_done);
  on_sentence_ = std::move(on_sentence);
  std::vector<SentenceTask> tasks(plan_.sentences.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    tasks[i].input.tokens = plan_.sentences[i].tokens;
    tasks[i].input.output = &plan_.output;
    tasks[i].input.start_state = plan_.start_state;
    if (plan_.model != nullptr) {
      tasks[i].model = plan_.model->batch_model.get();
    }
    tasks[i].client = client;
    tasks[i].deadline = deadline;
    tasks[i].owner = shared_from_this();
    tasks[i].index = static_cast<int>(i);
  }
  return tasks;
}

void EmbedJob::SentenceDone(int index, const absl::Status& status,
                            SentenceResult result) {
  absl::Status first_error;
  bool last = false;
  {
    MutexLock lock(&mu_);
    ELMO_CHECK(remaining_ > 0);
    values_[index] = std::move(result.values);
    if (status_.ok() && !status.ok()) {
      status_ = status;
      Cancel();  // The answer is this error: the rest need not run.
    }
    last = --remaining_ == 0;
    if (last) timings_ = {result.queue_time, result.compute_time, received_};
    first_error = status_;
  }
  if (last) {
    on_done_(first_error);
  } else if (on_sentence_) {
    on_sentence_();
  }
}

std::vector<float> EmbedJob::TakeValues(int index) {
  MutexLock lock(&mu_);
  ELMO_DCHECK(remaining_ == 0);
  return std::move(values_[index]);
}

EmbedJob::Timings EmbedJob::timings() const {
  MutexLock lock(&mu_);
  return timings_;
}

}  // namespace elmo
