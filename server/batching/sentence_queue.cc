#include "server/batching/sentence_queue.h"

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {

absl::Status SentenceQueue::Options::Validate() const {
  const std::pair<const char*, int64_t> positive[] = {
      {"max_batch_rows", max_batch_rows},
      {"max_batch_tokens", max_batch_tokens},
      {"max_queued_tokens", max_queued_tokens},
  };
  for (const auto& [name, value] : positive) {
    if (value < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is ", value, "; it must be at least 1"));
    }
  }
  return absl::OkStatus();
}

absl::Status SentenceQueue::Push(std::vector<SentenceTask>* tasks,
                                 TimePoint now) {
  int64_t cost = 0;
  for (const SentenceTask& task : *tasks) cost += task.cost();
  // What nobody waits for must not keep others out.
  if (cost > options_.max_queued_tokens - queued_tokens_) RemoveDead(now);
  if (cost > options_.max_queued_tokens - queued_tokens_) {
    return absl::UnavailableError(
        absl::StrCat("the queue is full: ", queued_tokens_,
                     " tokens wait, the request adds ", cost, "; limit is ",
                     options_.max_queued_tokens));
  }
  for (SentenceTask& task : *tasks) {
    task.accepted = now;
    queued_tokens_ += task.cost();
    const Key key(task.deadline, next_arrival_++);
    waiting_.emplace(key, std::move(task));
  }
  tasks->clear();
  return absl::OkStatus();
}

SentenceQueue::Next SentenceQueue::PopBatch(TimePoint now, int free_workers) {
  ELMO_DCHECK(free_workers >= 1);
  Next next;
  const auto set_aside = [&](SentenceTask task) {
    auto& list = task.owner->cancelled() ? next.cancelled : next.expired;
    list.push_back(std::move(task));
  };
  for (SentenceTask& task : dead_) set_aside(std::move(task));
  dead_.clear();

  const int64_t share = (queued_tokens_ + free_workers - 1) / free_workers;
  int64_t tokens = 0;
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    const SentenceTask& task = first->second;
    if (task.owner->cancelled() || task.deadline <= now) {
      set_aside(Take(first));
      continue;
    }
    const bool full =
        static_cast<int>(next.batch.size()) >= options_.max_batch_rows ||
        tokens + task.cost() > options_.max_batch_tokens || tokens >= share;
    if (full && !next.batch.empty()) break;
    tokens += task.cost();
    next.batch.push_back(Take(first));
  }
  return next;
}

void SentenceQueue::RemoveDead(TimePoint now) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto current = it++;
    const SentenceTask& task = current->second;
    if (task.owner->cancelled() || task.deadline <= now) {
      dead_.push_back(Take(current));
    }
  }
}

SentenceTask SentenceQueue::Take(Waiting::iterator it) {
  SentenceTask task = std::move(it->second);
  queued_tokens_ -= task.cost();
  waiting_.erase(it);
  return task;
}

}  // namespace elmo
