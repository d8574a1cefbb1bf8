#include "server/batching/sentence_queue.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace elmo {
namespace {

// Deadlines nearer to each other than this are one in WorkAhead().
constexpr Duration kBucket = std::chrono::milliseconds(16);

// Of so many clients each Pop asks whether somebody still waits for the first
// sentence: that takes a look into memory far away.
constexpr size_t kSweep = 64;

// So many sentences that cannot join does PopBatch() pass over, and so many
// does PopUrgent() look at: thousands of clients may have some.
constexpr int kPassOver = 256;
constexpr int kUrgentLook = 32;

int64_t BucketOf(TimePoint deadline) {
  return deadline.time_since_epoch() / kBucket;
}

bool IsDead(const SentenceTask& task, TimePoint now) {
  return task.deadline <= now || task.owner->cancelled();
}

// In a full batch of its like: what waits will run in such ones.
Duration CostOf(const SentenceTask& task,
                const SentenceQueue::Options& options) {
  if (task.model == nullptr) return Duration::zero();
  const int64_t rows = std::min<int64_t>(
      options.max_batch_rows, options.max_batch_tokens / task.steps());
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
  if (tasks->empty()) return absl::OkStatus();
  int64_t tokens = 0;
  for (const SentenceTask& task : *tasks) tokens += task.steps();
  const ClientId client = tasks->front().client;
  // What nobody waits for must not keep others out.
  if (!CheckRoom(client, tokens).ok()) DropAllDead(now);
  if (absl::Status room = CheckRoom(client, tokens); !room.ok()) return room;
  PushAlways(tasks, now);
  return absl::OkStatus();
}

absl::Status SentenceQueue::CheckRoom(ClientId client, int64_t tokens) const {
  const int64_t room = options_.max_queued_tokens - queued_tokens_;
  if (tokens > room) {
    return absl::UnavailableError(
        absl::StrCat("the queue is full: ", queued_tokens_,
                     " tokens wait, the request adds ", tokens, "; limit is ",
                     options_.max_queued_tokens));
  }
  const auto own = index_.find(client);
  const int64_t waiting =
      own == index_.end() ? 0 : clients_[own->second].queued_tokens;
  const int64_t left = room - tokens;
  if (waiting > 0 && waiting + tokens > kShareOfRoom * left) {
    return absl::UnavailableError(absl::StrCat(
        "the connection's share of the queue is full: ", waiting,
        " of its tokens wait, the request adds ", tokens, "; limit is ",
        kShareOfRoom, " times what would still have room, ", left,
        " tokens of ", options_.max_queued_tokens));
  }
  return absl::OkStatus();
}

void SentenceQueue::PushAlways(std::vector<SentenceTask>* tasks,
                               TimePoint now) {
  if (tasks->empty()) return;
  Client& client = Activate(tasks->front().client);
  for (SentenceTask& task : *tasks) {
    ELMO_DCHECK(task.client == client.id);
    task.accepted = now;
    task.cost = CostOf(task, options_);
    client.queued_cost += task.cost;
    client.queued_tokens += task.steps();
    queued_cost_ += task.cost;
    Bucket& bucket = buckets_[BucketOf(task.deadline)];
    ++bucket.sentences;
    bucket.cost += task.cost;
    ++queued_sentences_;
    queued_tokens_ += task.steps();
    const Key key(task.deadline, next_arrival_++);
    client.arrivals.emplace(key.second, key.first);
    client.waiting.emplace(key, std::move(task));
  }
  client.first = client.waiting.begin()->first;
  client.oldest = client.arrivals.begin()->first;
  tasks->clear();
}

SentenceQueue::Next SentenceQueue::PopBatch(TimePoint now, int free_workers) {
  ELMO_DCHECK(free_workers >= 1);
  AdvanceShare();
  Next next;
  const bool turn = served_ >= next_turn_;
  bool any_overdue = false;
  Heap heap;
  heap.reserve(clients_.size());
  ForEachAlive(now, [&](size_t client) {
    const bool overdue = turn && IsOverdue(clients_[client]);
    any_overdue |= overdue;
    heap.push_back(CandidateOf(client, overdue ? Order::kAge : Order::kClock));
  });
  std::make_heap(heap.begin(), heap.end());
  const int64_t share = (queued_tokens_ + free_workers - 1) / free_workers;
  Filling filling;
  int passed_over = 0;
  Candidate candidate;
  while (passed_over < kPassOver && PopAlive(&heap, now, &candidate)) {
    const Client& client = clients_[candidate.client];
    const SentenceTask& task = TaskOf(candidate);
    if (!next.batch.empty()) {
      if (static_cast<int>(next.batch.size()) >= options_.max_batch_rows ||
          filling.tokens + task.steps() > options_.max_batch_tokens ||
          filling.tokens >= share) {
        break;
      }
      if (task.model != next.batch.front().model ||
          BreaksDeadline(task, filling, now) ||
          (next.clients.count(client.id) == 0 &&
           RunsApart(client, task, filling))) {
        ++passed_over;
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
        static_cast<double>((client.used + task.cost).count());
    next.clients.insert(client.id);
    Take(candidate, task.cost, &next.batch);
    if (!client.waiting.empty()) {
      PushHeap(&heap, CandidateOf(candidate.client, Order::kClock));
    }
  }
  if (any_overdue) next_turn_ = served_ + (kTurn - 1) * filling.charged;
  next.clock = filling.clock();
  next.deadline = filling.deadline;
  ForgetIdle();
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
  Heap heap;
  ForEachAlive(now, [&](size_t index) {
    const Client& client = clients_[index];
    if (client.used > clock || clients.count(client.id) > 0) return;
    heap.push_back(CandidateOf(index, Order::kUrgent));
  });
  std::make_heap(heap.begin(), heap.end());
  int64_t tokens = 0;
  int64_t longest = 0;
  Candidate candidate;
  for (int i = 0; i < kUrgentLook && PopAlive(&heap, now, &candidate); ++i) {
    const Client& client = clients_[candidate.client];
    const SentenceTask& task = TaskOf(candidate);
    if (task.model == nullptr) continue;
    if (!next.batch.empty() && task.model != next.batch.front().model) continue;
    const int64_t steps = std::max(longest, task.steps());
    const BatchCost cost = task.model->cost();
    const Duration before = cost.Predict(longest, tokens);
    const Duration after = cost.Predict(steps, tokens + task.steps());
    const Duration with_all =
        client.used + (client.queued_cost - task.cost) + (after - before);
    if (after > budget || with_all > clock) continue;
    longest = steps;
    tokens += task.steps();
    next.clients.insert(client.id);
    // The room that it really takes is charged: small batches are dear.
    Take(candidate, after - before, &next.batch);
    if (!client.waiting.empty()) {
      PushHeap(&heap, CandidateOf(candidate.client, Order::kUrgent));
    }
  }
  ForgetIdle();
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
  const auto own = index_.find(client);
  const Duration used = ClockOf(client);
  Duration fair = own == index_.end() ? Duration::zero()
                                      : clients_[own->second].queued_cost;
  for (const Client& other : clients_) {
    if (other.id == client) continue;
    fair += std::clamp(used + kAhead - other.used, Duration::zero(),
                       other.queued_cost);
  }
  return std::min(earlier, fair);
}

Duration SentenceQueue::ClockOf(ClientId client) const {
  const auto own = index_.find(client);
  if (own == index_.end()) return StartOf(client);
  return clients_[own->second].used + clients_[own->second].queued_cost;
}

Duration SentenceQueue::StartOf(ClientId client) const {
  const auto debt = debts_.find(client);
  return debt == debts_.end() ? even_share_ : debt->second;
}

SentenceQueue::Client& SentenceQueue::Activate(ClientId client) {
  const auto [it, is_new] = index_.try_emplace(client, clients_.size());
  if (!is_new) return clients_[it->second];
  Client& added = clients_.emplace_back();
  added.id = client;
  added.used = StartOf(client);
  added.waits_since = served_;
  const auto debt = debts_.find(client);
  if (debt != debts_.end()) {
    ahead_.erase({debt->second, client});
    debts_.erase(debt);
  }
  return added;
}

void SentenceQueue::AdvanceShare() {
  if (clients_.empty()) return;
  least_ = Duration::max();
  size_t waited = 0;  // While the work was done.
  for (Client& client : clients_) {
    least_ = std::min(least_, client.used);
    if (!client.is_new || client.used > even_share_) ++waited;
    client.is_new = false;
  }
  Duration work = served_ - std::exchange(shared_, served_);
  // Of it each got one part, until it had come to the next in ahead_.
  while (waited + ahead_.size() > 0) {
    const auto parts = static_cast<int64_t>(waited + ahead_.size());
    const Duration gap =
        ahead_.empty() ? Duration::max() : ahead_.begin()->first - even_share_;
    if (gap > work / parts) {
      even_share_ += work / parts;
      break;
    }
    even_share_ += gap;
    work -= gap * parts;
    ForgetDebts();
  }
  even_share_ = std::max(even_share_, least_);
  ForgetDebts();
}

void SentenceQueue::ForgetDebts() {
  while (!ahead_.empty() && ahead_.begin()->first <= even_share_) {
    debts_.erase(ahead_.begin()->second);
    ahead_.erase(ahead_.begin());
  }
}

void SentenceQueue::DropDead(Client* client, TimePoint now) {
  while (!client->waiting.empty() &&
         IsDead(client->waiting.begin()->second, now)) {
    dead_.push_back(Remove(client, client->first));
  }
}

void SentenceQueue::DropAllDead(TimePoint now) {
  for (Client& client : clients_) {
    for (auto it = client.waiting.begin(); it != client.waiting.end();) {
      const auto task = it++;
      if (IsDead(task->second, now)) {
        dead_.push_back(Remove(&client, task->first));
      }
    }
  }
  ForgetIdle();
}

std::vector<SentenceTask> SentenceQueue::TakeCancelled(ClientId client,
                                                       TimePoint deadline) {
  std::vector<SentenceTask> taken;
  const auto found = index_.find(client);
  if (found == index_.end()) return taken;
  Client& from = clients_[found->second];
  auto it = from.waiting.lower_bound({deadline, 0});
  while (it != from.waiting.end() && it->first.first == deadline) {
    const auto task = it++;
    if (task->second.owner->cancelled()) {
      taken.push_back(Remove(&from, task->first));
    }
  }
  ForgetIdle();
  return taken;
}

template <typename Visit>
void SentenceQueue::ForEachAlive(TimePoint now, const Visit& visit) {
  for (size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    const bool swept = i >= sweep_ && i < sweep_ + kSweep;
    if (client.first.first <= now || swept) DropDead(&client, now);
    if (!client.waiting.empty()) visit(i);
  }
  sweep_ += kSweep;
  if (sweep_ >= clients_.size()) sweep_ = 0;
}

SentenceQueue::Candidate SentenceQueue::CandidateOf(size_t index,
                                                    Order order) const {
  const Client& client = clients_[index];
  const auto& [deadline, arrival] = client.first;
  const Duration due = deadline.time_since_epoch();
  switch (order) {
    case Order::kAge:
      return {{0, client.waits_since, client.oldest}, index, order};
    case Order::kClock:
      if (client.used <= least_ + kAhead) {
        return {{1, due, arrival}, index, order};
      }
      return {{2, client.used, arrival}, index, order};
    case Order::kUrgent:
      // Who got no more than its share comes first: there may be little time.
      return {{client.used <= even_share_ ? 1 : 2, due, arrival}, index, order};
  }
  return {};
}

SentenceQueue::Key SentenceQueue::KeyOf(const Candidate& candidate) const {
  const Client& client = clients_[candidate.client];
  if (candidate.order != Order::kAge) return client.first;
  return {client.arrivals.begin()->second, client.oldest};
}

const SentenceTask& SentenceQueue::TaskOf(const Candidate& candidate) const {
  return clients_[candidate.client].waiting.find(KeyOf(candidate))->second;
}

void SentenceQueue::PushHeap(Heap* heap, const Candidate& candidate) {
  heap->push_back(candidate);
  std::push_heap(heap->begin(), heap->end());
}

bool SentenceQueue::PopAlive(Heap* heap, TimePoint now, Candidate* candidate) {
  while (!heap->empty()) {
    std::pop_heap(heap->begin(), heap->end());
    *candidate = heap->back();
    heap->pop_back();
    if (!IsDead(TaskOf(*candidate), now)) return true;
    Client& client = clients_[candidate->client];
    dead_.push_back(Remove(&client, KeyOf(*candidate)));
    if (client.waiting.empty()) continue;
    PushHeap(heap, CandidateOf(candidate->client, candidate->order));
  }
  return false;
}

void SentenceQueue::Take(const Candidate& candidate, Duration charge,
                         std::vector<SentenceTask>* batch) {
  Client& client = clients_[candidate.client];
  const Key key = KeyOf(candidate);
  const bool is_oldest = key.second == client.oldest;
  client.used += charge;
  served_ += charge;
  batch->push_back(Remove(&client, key));
  if (is_oldest) client.waits_since = served_;
}

SentenceTask SentenceQueue::Remove(Client* client, Key key) {
  const auto it = client->waiting.find(key);
  SentenceTask task = std::move(it->second);
  client->waiting.erase(it);
  client->arrivals.erase(key.second);
  if (client->waiting.empty()) {
    any_idle_ = true;
  } else {
    client->first = client->waiting.begin()->first;
    client->oldest = client->arrivals.begin()->first;
  }
  client->queued_cost -= task.cost;
  client->queued_tokens -= task.steps();
  queued_cost_ -= task.cost;
  queued_tokens_ -= task.steps();
  --queued_sentences_;
  const auto bucket = buckets_.find(BucketOf(task.deadline));
  bucket->second.cost -= task.cost;
  if (--bucket->second.sentences == 0) buckets_.erase(bucket);
  return task;
}

void SentenceQueue::ForgetIdle() {
  if (!any_idle_) return;
  any_idle_ = false;
  for (size_t i = 0; i < clients_.size();) {
    Client& client = clients_[i];
    if (!client.waiting.empty()) {
      ++i;
      continue;
    }
    if (client.used > even_share_) {
      debts_.emplace(client.id, client.used);
      ahead_.emplace(client.used, client.id);
    }
    index_.erase(client.id);
    if (i + 1 < clients_.size()) {
      client = std::move(clients_.back());
      index_[client.id] = i;
    }
    clients_.pop_back();
  }
}

void SentenceQueue::GiveDead(Next* next) {
  for (SentenceTask& task : dead_) {
    auto& list = task.owner->cancelled() ? next->cancelled : next->expired;
    list.push_back(std::move(task));
  }
  dead_.clear();
}

}  // namespace elmo
