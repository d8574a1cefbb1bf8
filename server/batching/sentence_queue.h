#ifndef ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_
#define ELMO_SERVER_BATCHING_SENTENCE_QUEUE_H_

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/sentence_task.h"

namespace elmo {

// Decides what runs next, and together with what.
//
// Each client (a connection) has a clock: the worker time that its sentences
// took. Clients within kAhead of the one that got least come first; among these
// the earliest deadline, then the earliest arrival. The others follow, who got
// least first. So deadlines order the sentences, and no caller can crowd out
// another.
//
// A client that comes, or returns after a pause, starts with an even share: the
// clock of one that waited all the time and got, of all work, one part in the
// number of those waiting (the virtual time of fair queueing, Demers, Keshav
// and Shenker 1989). As there, who was served before its turn and left counts
// as waiting until the even share has come to its clock; otherwise each that
// ran between would leave those who went on waiting with a claim to more. So
// idleness saves nothing up, and what a client used beyond its share is not
// forgotten. Nor does it help much to come anew: the even share grows with all
// that runs, past those who wait, and they then come first.
//
// A client can still be far ahead, or have a sentence whose deadline is later
// than all that ever comes. So part of the work is given by age. A client waits
// since it came or its oldest sentence ran, whatever else of it ran meanwhile,
// and is overdue when work of kPatience was done since. If one is, and the last
// turn was followed by kTurn - 1 times the work that it took, the next batch is
// a turn: the oldest sentences of those overdue go first, who waited longest
// first. Hence a bound for a sentence that is its client's oldest. Let n count
// its client and those that have waited longer; B be the most that a batch is
// charged with (what max_batch_tokens, or one longer sentence, cost in a full
// batch); U what PopUrgent() takes at most between two batches. The sentence is
// taken, or dead, before more work is done than
//   kPatience + n ((kTurn + 1) B + U).
// It needs n turns at most; from one to the next pass the turn itself, at most
// B; kTurn - 1 times that; and what is begun just before, B and U. Clients that
// come later have waited for less long: they add nothing, however many come.
//
// The first sentence anchors the batch, which is filled in the same order up to
// its budgets with sentences of the anchor's model. A batch ends with its
// longest sentence; so a client that has used little does not share one with
// the much longer sentences of a client that has used more, if it can afford to
// run apart: if even then, and with all that it has waiting, it will have got
// no more than that one. It runs before the batch, or overtakes it (PopUrgent).
// Nor does a batch take in what would make it miss a deadline that it can meet.
//
// Costs per call: Push() is logarithmic in what waits of the client; the others
// read some numbers of each client that waits, side by side in memory, and are
// logarithmic for each sentence that they take.
//
// Policy alone: no lock, no thread, no clock (time is an argument).
// Single thread only; BatchScheduler puts a lock around it.
class SentenceQueue {
 public:
  // Worker time by which a client may be ahead of the others for the sake of
  // its deadlines.
  static constexpr Duration kAhead = std::chrono::milliseconds(250);
  // Work that others may get while a client's oldest sentence waits, before it
  // is overdue. Several times kAhead: who gets its share seldom is.
  static constexpr Duration kPatience = std::chrono::seconds(2);
  // One part in so many of the work goes to what is overdue, if anything is.
  static constexpr int kTurn = 8;
  // A client that has something waiting may have so many times as many tokens
  // waiting as there is room left for. So one alone gets three quarters of the
  // room, and however many try to fill it, some is left for who comes next
  // (dynamic thresholds, Choudhury and Hahne 1998).
  static constexpr int64_t kShareOfRoom = 3;

  struct Options {
    // Sentences in one batch. More raise throughput and latency.
    int max_batch_rows = 64;
    // Tokens in one batch, two boundaries per sentence included. Bounds how
    // long a batch runs, and a worker's memory. A sentence over it runs alone.
    int64_t max_batch_tokens = 2048;
    // Push() refuses what would make more tokens wait than this, and what would
    // give one client too large a share of it (kShareOfRoom). Bounds the
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
  // The tasks are of one client. UNAVAILABLE when they do not fit, or when the
  // client has its share waiting: the caller may try again later.
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
  // `clock`; as many as are predicted to run within `budget`. Looks at a few
  // dozen at most: it is asked at every step. May be empty.
  Next PopUrgent(TimePoint now, const std::set<ClientId>& clients,
                 Duration clock, Duration budget);

  // Takes out what `client` has waiting with this deadline and nobody waits
  // for. Logarithmic, and linear in what has this very deadline.
  std::vector<SentenceTask> TakeCancelled(ClientId client, TimePoint deadline);

  // Predicted worker time of what will run before a sentence that `client`
  // pushed now with this deadline: what has an earlier one, unless the client's
  // fair share comes first. Turns by age are left out: one part in kTurn.
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
  // One that has something waiting. Idle ones go at the end of each call.
  struct Client {
    ClientId id = 0;
    Duration used{};  // Its clock.
    Duration queued_cost{};
    int64_t queued_tokens = 0;
    Duration waits_since{};  // served_ when it came or its oldest ran.
    bool is_new = true;      // Came since the last batch began.
    Key first;               // Of `waiting`.
    uint64_t oldest = 0;     // Of `arrivals`.
    std::map<Key, SentenceTask> waiting;
    std::map<uint64_t, TimePoint> arrivals;  // The same, with their deadlines.
  };
  // kAge: the client's oldest sentence, who waited longest first. kClock: its
  // most urgent; the clients within kAhead of the one that got least first, by
  // deadline, then the others, by what they got. kUrgent: its most urgent;
  // those that got no more than their share first, then the others, by
  // deadline.
  enum class Order { kAge, kClock, kUrgent };
  // A client and its sentence that comes next.
  struct Candidate {
    // What is least comes first, kAge before kClock. Ends with the sentence's
    // arrival: no two are equal.
    std::tuple<int, Duration, uint64_t> rank;
    size_t client = 0;  // In clients_.
    Order order{};
    // For a heap with the first to run on top.
    bool operator<(const Candidate& other) const { return rank > other.rank; }
  };
  using Heap = std::vector<Candidate>;

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
  absl::Status CheckRoom(ClientId client, int64_t tokens) const;
  Duration StartOf(ClientId client) const;
  Client& Activate(ClientId client);
  // Counts the work done since the last batch began.
  void AdvanceShare();
  // Forgets debts that the even share has come to.
  void ForgetDebts();
  // Takes a client's dead sentences off its front.
  void DropDead(Client* client, TimePoint now);
  void DropAllDead(TimePoint now);
  // Drops what has expired, and of a few clients what was cancelled; calls
  // `visit` with the index of each client that still has something.
  template <typename Visit>
  void ForEachAlive(TimePoint now, const Visit& visit);
  bool IsOverdue(const Client& client) const {
    return served_ - client.waits_since >= kPatience;
  }
  Candidate CandidateOf(size_t client, Order order) const;
  Key KeyOf(const Candidate& candidate) const;
  // The first in the heap that is not dead, taken off it; false if there is
  // none.
  bool PopAlive(Heap* heap, TimePoint now, Candidate* candidate);
  const SentenceTask& TaskOf(const Candidate& candidate) const;
  static void PushHeap(Heap* heap, const Candidate& candidate);
  // Takes the candidate's sentence out and charges its client with it.
  void Take(const Candidate& candidate, Duration charge,
            std::vector<SentenceTask>* batch);
  SentenceTask Remove(Client* client, Key key);
  void ForgetIdle();
  void GiveDead(Next* next);

  const Options options_;
  std::vector<Client> clients_;
  std::unordered_map<ClientId, size_t> index_;  // Of clients_.
  bool any_idle_ = false;
  size_t sweep_ = 0;  // Where ForEachAlive() looks for cancelled ones next.
  // Clocks of clients that have nothing waiting and are ahead of even_share_;
  // the same in order.
  std::unordered_map<ClientId, Duration> debts_;
  std::set<std::pair<Duration, ClientId>> ahead_;
  // When the last batch began: the clock of the client that had got least, and
  // that of one that had got its share. Neither goes back.
  Duration least_{};
  Duration even_share_{};
  Duration shared_{};               // served_ then.
  Duration served_{};               // All charges.
  Duration next_turn_{};            // Not before served_ is as much.
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
