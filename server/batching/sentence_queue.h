#ifndef ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_
#define ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/sentence_task.h"

namespace elmo {

// Decides what runs next, and together with what.
//
// Each client (a connection) has a clock: the worker time that its sentences
// took. A client that returns after a pause starts level with the one that had
// got least when the last batch began (start-time fair queueing, Goyal, Vin and
// Cheng 1996), so that idleness saves nothing up, but what it used beyond its
// share is not forgotten. Clients within kAhead of the one that got least come
// first; among these, and among the others, the earliest deadline, then the
// earliest arrival. So deadlines order the sentences, no caller can crowd out
// another; deadlines are absolute, clocks only advance. Who can still wait for
// long: a client whose clock is far ahead, while ever new ones come.
//
// The first sentence anchors the batch, which is filled in the same order up to
// its budgets with sentences of the anchor's model. A batch ends with its
// longest sentence; so a client that has used little does not share one with
// the much longer sentences of a client that has used more, if it can afford to
// run apart: if even then, and with all that it has waiting, it will have got
// no more than that one. It runs before the batch, or overtakes it (PopUrgent).
// Nor does a batch take in what would make it miss a deadline that it can meet.
//
// Policy alone: no lock, no thread, no clock (time is an argument).
// Single thread only; BatchScheduler puts a lock around it.
class SentenceQueue {
 public:
  // Worker time by which a client may be ahead of the others for the sake of
  // its deadlines.
  static constexpr Duration kAhead = std::chrono::milliseconds(250);

  struct Options {
    // Sentences in one batch. More raise throughput and latency.
    int max_batch_rows = 64;
    // Tokens in one batch, two boundaries per sentence included. Bounds how
    // long a batch runs, and a worker's memory. A sentence over it runs alone.
    int64_t max_batch_tokens = 2048;
    // Push() refuses what would make more tokens wait than this. Bounds the
    // queueing delay.
    int64_t max_queued_tokens = 65536;

    // INVALID_ARGUMENT naming the option, the value and the limit.
    absl::Status Validate() const;
  };

  // What a Pop took out. Each task is in exactly one of the lists.
  struct Next {
    std::vector<SentenceTask> batch;  // To be run; all of one model.
    std::set<ClientId> clients;       // Of the batch.
    // Their clocks with the batch paid: the mean, weighted by what each has in
    // it.
    Duration clock{};
    // The earliest of the batch; only of those that can be met, if any.
    TimePoint deadline = TimePoint::max();
    std::vector<SentenceTask> expired;    // Deadline passed: not to be run.
    std::vector<SentenceTask> cancelled;  // Nobody waits: not to be run.

    bool empty() const {
      return batch.empty() && expired.empty() && cancelled.empty();
    }
  };

  explicit SentenceQueue(const Options& options) : options_(options) {}

  // Takes all of *tasks, leaving it empty, iff it returns OK; else takes none.
  // The tasks are of one client. UNAVAILABLE when they do not fit: the caller
  // may try again later.
  [[nodiscard]] absl::Status Push(std::vector<SentenceTask>* tasks,
                                  TimePoint now);

  // The same without the limit.
  void PushAlways(std::vector<SentenceTask>* tasks, TimePoint now);

  // Takes out the next batch, and what it met that is expired or cancelled.
  // `free_workers` (at least 1, the asking one included) share what waits: the
  // batch is no larger than a fair share needs it to be. The batch is empty
  // only when nothing that waits can be run.
  Next PopBatch(TimePoint now, int free_workers = 1);

  // Sentences that should not wait for the end of a running batch: those of
  // clients that are not among the batch's `clients` and will, having paid for
  // a run apart and for all that they have waiting, have got no more than its
  // `clock`; as many as are predicted to run within `budget`. May be empty.
  Next PopUrgent(TimePoint now, const std::set<ClientId>& clients,
                 Duration clock, Duration budget);

  // Predicted worker time of what will run before a sentence that `client`
  // pushed now with this deadline: what has an earlier one, unless the client's
  // fair share comes first.
  Duration WorkAhead(ClientId client, TimePoint deadline) const;

  // What the client will have used when all that it has waiting has run: with
  // the cost of a run apart, what PopUrgent() compares with a batch's clock.
  Duration ClockOf(ClientId client) const;

  // Nothing is left for PopBatch() to take out.
  bool empty() const { return clients_.empty() && dead_.empty(); }
  // Tokens and sentences that wait to be run, and their predicted time.
  int64_t queued_tokens() const { return queued_tokens_; }
  int64_t queued_sentences() const { return queued_sentences_; }
  Duration queued_cost() const { return queued_cost_; }

 private:
  // Deadline, then arrival.
  using Key = std::pair<TimePoint, uint64_t>;
  struct Client {
    std::map<Key, SentenceTask> waiting;  // Never empty in clients_.
    Duration used{};                      // Its clock.
    Duration queued_cost{};
  };
  using Clients = std::map<ClientId, Client>;
  // A client whose most urgent sentence can be run.
  struct Candidate {
    bool ahead;  // Of the client that got least, by more than kAhead.
    Key key;
    Clients::iterator client;
    // For a heap with the first to run on top.
    bool operator<(const Candidate& other) const {
      return std::tie(ahead, key) > std::tie(other.ahead, other.key);
    }
  };

  // What PopBatch has taken so far.
  struct Filling {
    int64_t tokens = 0;
    int64_t longest = 0;
    Duration charged{};
    double weighted_clocks = 0;  // Sum of charge times clock, in ticks.
    TimePoint deadline = TimePoint::max();
    Duration clock() const;
  };

  // Whether a sentence should not share the batch, for the lengths' sake.
  static bool RunsApart(const Client& client, const SentenceTask& task,
                        const Filling& filling);
  // Whether the batch would end too late with it.
  static bool BreaksDeadline(const SentenceTask& task, const Filling& filling,
                             TimePoint now);
  Duration StartOf(ClientId client) const;
  Clients::iterator Activate(ClientId client);
  void AdvanceFloor();
  // Takes a client's dead sentences off its front; false when none is left, and
  // the client with them. `client` is then invalid.
  bool DropDead(Clients::iterator client, TimePoint now);
  void DropAllDead(TimePoint now);
  std::vector<Candidate> Candidates(TimePoint now);
  // Takes out the client's first sentence and charges it; true when the client
  // still has another that can be run.
  bool TakeFirst(Clients::iterator client, Duration charge, TimePoint now,
                 std::vector<SentenceTask>* batch);
  SentenceTask Remove(Clients::iterator client,
                      std::map<Key, SentenceTask>::iterator it);
  void ForgetIfIdle(Clients::iterator client);
  void GiveDead(Next* next);

  const Options options_;
  Clients clients_;  // Those with something waiting.
  // Clocks of clients that have nothing waiting and are ahead of floor_.
  std::map<ClientId, Duration> debts_;
  size_t debts_to_sweep_ = 64;
  // The clock of the client that had got least when the last batch began; never
  // goes back.
  Duration floor_{};
  std::vector<SentenceTask> dead_;  // Met, not given out yet.
  uint64_t next_arrival_ = 0;
  int64_t queued_tokens_ = 0;  // Of clients_; the next two likewise.
  int64_t queued_sentences_ = 0;
  Duration queued_cost_{};
  // What waits, by deadline in steps of kBucket.
  struct Bucket {
    int64_t sentences = 0;
    Duration cost{};
  };
  std::map<int64_t, Bucket> buckets_;
};

}  // namespace elmo

#endif  // ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_
