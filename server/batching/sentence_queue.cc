#include "server/batching/sentence_queue.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {
namespace {

// Deadlines nearer to each other than this are one in WorkAhead().
constexpr Duration kBucket = std::chrono::milliseconds(16);

int64_t BucketOf(TimePoint deadline) {
  return deadline.time_since_epoch() / kBucket;
}

bool IsDead(const SentenceTask& task, TimePoint now) {
  return task.deadline <= now || task.owner->cancelled();
}

// In a full batch: what waits will run in such ones.
Duration CostOf(const SentenceTask& task, int rows) {
  if (task.model == nullptr) return Duration::zero();
  return task.steps() * task.model->cost().PerToken(rows);
}

// Whether a batch of the task's model, begun now, is done by the deadline.
bool FinishesInTime(const SentenceTask& task, int64_t steps, int64_t tokens,
                    TimePoint deadline, TimePoint now) {
  if (task.model == nullptr || deadline == TimePoint::max()) return true;
  const auto left =
      std::chrono::duration<double>(deadline - now) / BatchCost::kMargin;
  return task.model->cost().Predict(steps, tokens) <= left;
}

}  // namespace

absl::Status SentenceQueue::Options::Validate() const {
  const std::pair<const char*, int64_t> positive[] = {
      {"--max-batch-rows", max_batch_rows},
      {"--max-batch-tokens", max_batch_tokens},
      {"--max-queued-tokens", max_queued_tokens},
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
  int64_t tokens = 0;
  for (const SentenceTask& task : *tasks) tokens += task.steps();
  // What nobody waits for must not keep others out.
  if (tokens > options_.max_queued_tokens - queued_tokens_) DropAllDead(now);
  if (tokens > options_.max_queued_tokens - queued_tokens_) {
    return absl::UnavailableError(
        absl::StrCat("the queue is full: ", queued_tokens_,
                     " tokens wait, the request adds ", tokens, "; limit is ",
                     options_.max_queued_tokens));
  }
  PushAlways(tasks, now);
  return absl::OkStatus();
}

void SentenceQueue::PushAlways(std::vector<SentenceTask>* tasks,
                               TimePoint now) {
  if (tasks->empty()) return;
  const auto client = Activate(tasks->front().client);
  for (SentenceTask& task : *tasks) {
    ELMO_DCHECK(task.client == client->first);
    task.accepted = now;
    task.cost = CostOf(task, options_.max_batch_rows);
    client->second.queued_cost += task.cost;
    queued_cost_ += task.cost;
    Bucket& bucket = buckets_[BucketOf(task.deadline)];
    ++bucket.sentences;
    bucket.cost += task.cost;
    ++queued_sentences_;
    queued_tokens_ += task.steps();
    const Key key(task.deadline, next_arrival_++);
    client->second.waiting.emplace(key, std::move(task));
  }
  tasks->clear();
}

SentenceQueue::Next SentenceQueue::PopBatch(TimePoint now, int free_workers) {
  ELMO_DCHECK(free_workers >= 1);
  AdvanceFloor();
  Next next;
  std::vector<Candidate> heap = Candidates(now);
  std::make_heap(heap.begin(), heap.end());
  const int64_t share = (queued_tokens_ + free_workers - 1) / free_workers;
  Filling filling;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate candidate = heap.back();
    heap.pop_back();
    const auto client = candidate.client;
    const SentenceTask& task = client->second.waiting.begin()->second;
    if (!next.batch.empty()) {
      if (static_cast<int>(next.batch.size()) >= options_.max_batch_rows ||
          filling.tokens + task.steps() > options_.max_batch_tokens ||
          filling.tokens >= share) {
        break;
      }
      if (task.model != next.batch.front().model ||
          BreaksDeadline(task, filling, now)) {
        continue;
      }
      if (next.clients.count(client->first) == 0 &&
          RunsApart(client->second, task, filling)) {
        continue;
      }
    }
    if (FinishesInTime(task, task.steps(), task.steps(), task.deadline, now)) {
      filling.deadline = std::min(filling.deadline, task.deadline);
    }
    filling.tokens += task.steps();
    filling.longest = std::max(filling.longest, task.steps());
    filling.charged += task.cost;
    filling.weighted_clocks +=
        static_cast<double>(task.cost.count()) *
        static_cast<double>((client->second.used + task.cost).count());
    next.clients.insert(client->first);
    if (TakeFirst(client, task.cost, now, &next.batch)) {
      heap.push_back({client->second.used > floor_ + kAhead,
                      client->second.waiting.begin()->first, client});
      std::push_heap(heap.begin(), heap.end());
    }
  }
  next.clock = filling.clock();
  next.deadline = filling.deadline;
  GiveDead(&next);
  return next;
}

Duration SentenceQueue::Filling::clock() const {
  if (charged == Duration::zero()) return Duration::zero();
  return Duration(static_cast<Duration::rep>(
      weighted_clocks / static_cast<double>(charged.count())));
}

bool SentenceQueue::BreaksDeadline(const SentenceTask& task,
                                   const Filling& filling, TimePoint now) {
  return !FinishesInTime(task, std::max(filling.longest, task.steps()),
                         filling.tokens + task.steps(), filling.deadline, now);
}

bool SentenceQueue::RunsApart(const Client& client, const SentenceTask& task,
                              const Filling& filling) {
  if (task.model == nullptr) return false;
  const BatchCost cost = task.model->cost();
  if (task.steps() > 2 * filling.longest) {
    // The batch as it is, which would pay more without this one's company.
    const Duration apart = cost.Predict(filling.longest, filling.tokens);
    return filling.clock() + (apart - filling.charged) <= client.used;
  }
  return filling.longest > 2 * task.steps() &&
         client.used + (client.queued_cost - task.cost) +
                 cost.Predict(task.steps(), task.steps()) <=
             filling.clock();
}

SentenceQueue::Next SentenceQueue::PopUrgent(TimePoint now,
                                             const std::set<ClientId>& clients,
                                             Duration clock, Duration budget) {
  Next next;
  std::vector<Candidate> heap = Candidates(now);
  heap.erase(std::remove_if(heap.begin(), heap.end(),
                            [&](const Candidate& candidate) {
                              return clients.count(candidate.client->first) > 0;
                            }),
             heap.end());
  // Who got least of all comes first: there may be little time.
  for (Candidate& candidate : heap) {
    candidate.ahead = candidate.client->second.used > floor_;
  }
  std::make_heap(heap.begin(), heap.end());
  int64_t tokens = 0;
  int64_t longest = 0;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate candidate = heap.back();
    heap.pop_back();
    const auto client = candidate.client;
    const SentenceTask& task = client->second.waiting.begin()->second;
    if (task.model == nullptr) continue;
    if (!next.batch.empty() && task.model != next.batch.front().model) continue;
    const int64_t steps = std::max(longest, task.steps());
    const BatchCost cost = task.model->cost();
    const Duration before = cost.Predict(longest, tokens);
    const Duration after = cost.Predict(steps, tokens + task.steps());
    const Duration with_all = client->second.used +
                              (client->second.queued_cost - task.cost) +
                              (after - before);
    if (after > budget || with_all > clock) continue;
    longest = steps;
    tokens += task.steps();
    next.clients.insert(client->first);
    // The room that it really takes is charged: small batches are dear.
    if (TakeFirst(client, after - before, now, &next.batch)) {
      heap.push_back({client->second.used > floor_,
                      client->second.waiting.begin()->first, client});
      std::push_heap(heap.begin(), heap.end());
    }
  }
  GiveDead(&next);
  return next;
}

Duration SentenceQueue::WorkAhead(ClientId client, TimePoint deadline) const {
  Duration earlier{};
  const int64_t last = BucketOf(deadline);
  for (const auto& [number, bucket] : buckets_) {
    if (number > last) break;
    earlier += bucket.cost;
  }
  // Until every other client has got as much as this one will have.
  const auto own = clients_.find(client);
  const Duration used = ClockOf(client);
  Duration fair =
      own == clients_.end() ? Duration::zero() : own->second.queued_cost;
  for (const auto& [id, other] : clients_) {
    if (id == client) continue;
    fair += std::clamp(used + kAhead - other.used, Duration::zero(),
                       other.queued_cost);
  }
  return std::min(earlier, fair);
}

Duration SentenceQueue::ClockOf(ClientId client) const {
  const auto own = clients_.find(client);
  return own == clients_.end() ? StartOf(client)
                               : own->second.used + own->second.queued_cost;
}

Duration SentenceQueue::StartOf(ClientId client) const {
  const auto debt = debts_.find(client);
  return debt == debts_.end() ? floor_ : std::max(floor_, debt->second);
}

SentenceQueue::Clients::iterator SentenceQueue::Activate(ClientId client) {
  const auto [it, is_new] = clients_.try_emplace(client);
  if (is_new) {
    it->second.used = StartOf(client);
    debts_.erase(client);
  }
  return it;
}

void SentenceQueue::AdvanceFloor() {
  if (clients_.empty()) return;
  Duration least = Duration::max();
  for (const auto& [id, client] : clients_) {
    least = std::min(least, client.used);
  }
  floor_ = std::max(floor_, least);
}

bool SentenceQueue::DropDead(Clients::iterator client, TimePoint now) {
  std::map<Key, SentenceTask>& waiting = client->second.waiting;
  while (!waiting.empty() && IsDead(waiting.begin()->second, now)) {
    dead_.push_back(Remove(client, waiting.begin()));
  }
  if (!waiting.empty()) return true;
  ForgetIfIdle(client);
  return false;
}

void SentenceQueue::DropAllDead(TimePoint now) {
  for (auto it = clients_.begin(); it != clients_.end();) {
    const auto client = it++;
    std::map<Key, SentenceTask>& waiting = client->second.waiting;
    for (auto task = waiting.begin(); task != waiting.end();) {
      const auto current = task++;
      if (IsDead(current->second, now)) {
        dead_.push_back(Remove(client, current));
      }
    }
    ForgetIfIdle(client);
  }
}

std::vector<SentenceQueue::Candidate> SentenceQueue::Candidates(TimePoint now) {
  std::vector<Candidate> candidates;
  candidates.reserve(clients_.size());
  for (auto it = clients_.begin(); it != clients_.end();) {
    const auto client = it++;
    if (!DropDead(client, now)) continue;
    candidates.push_back({client->second.used > floor_ + kAhead,
                          client->second.waiting.begin()->first, client});
  }
  return candidates;
}

bool SentenceQueue::TakeFirst(Clients::iterator client, Duration charge,
                              TimePoint now, std::vector<SentenceTask>* batch) {
  client->second.used += charge;
  batch->push_back(Remove(client, client->second.waiting.begin()));
  return DropDead(client, now);
}

SentenceTask SentenceQueue::Remove(Clients::iterator client,
                                   std::map<Key, SentenceTask>::iterator it) {
  SentenceTask task = std::move(it->second);
  client->second.waiting.erase(it);
  client->second.queued_cost -= task.cost;
  queued_cost_ -= task.cost;
  queued_tokens_ -= task.steps();
  --queued_sentences_;
  const auto bucket = buckets_.find(BucketOf(task.deadline));
  bucket->second.cost -= task.cost;
  if (--bucket->second.sentences == 0) buckets_.erase(bucket);
  return task;
}

void SentenceQueue::ForgetIfIdle(Clients::iterator client) {
  if (!client->second.waiting.empty()) return;
  if (client->second.used > floor_) {
    debts_[client->first] = client->second.used;
  }
  clients_.erase(client);
  if (debts_.size() < debts_to_sweep_) return;
  for (auto it = debts_.begin(); it != debts_.end();) {
    it = it->second <= floor_ ? debts_.erase(it) : std::next(it);
  }
  debts_to_sweep_ = std::max<size_t>(64, 2 * debts_.size());
}

void SentenceQueue::GiveDead(Next* next) {
  for (SentenceTask& task : dead_) {
    auto& list = task.owner->cancelled() ? next->cancelled : next->expired;
    list.push_back(std::move(task));
  }
  dead_.clear();
}

}  // namespace elmo
