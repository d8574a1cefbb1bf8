#include "client/bulk_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/embed_client.h"
#include "tests/client/fake_model.h"
#include "tests/testing/mock_connection.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::AnswerAtOnce;
using ::elmo::testing::FakeAnswer;
using ::elmo::testing::FakeModel;
using ::elmo::testing::IsOk;
using ::elmo::testing::MockConnection;
using ::elmo::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::SizeIs;

using Request = std::shared_ptr<const v1::EmbedRequest>;

EmbedParams WithTokens() {
  EmbedParams params;
  params.output.set_return_tokens(true);
  return params;
}

// "s0", "s1", ...; remembers how many were read.
class CountingSource : public SentenceSource {
 public:
  explicit CountingSource(int count) : count_(count) {}

  absl::StatusOr<std::optional<v1::Sentence>> Next() override {
    if (read_ == count_) return std::nullopt;
    return TextSentence(absl::StrCat("s", read_++));
  }

  int read() const { return read_; }

 private:
  const int count_;
  int read_ = 0;
};

// Keeps the first token of each result; fails at an index where told.
class Collector {
 public:
  explicit Collector(int fail_at = -1) : fail_at_(fail_at) {}

  SentenceSink Sink() {
    return [this](const SentenceVectors& vectors) {
      if (static_cast<int>(tokens_.size()) == fail_at_) {
        return absl::DataLossError("disk full");
      }
      tokens_.push_back(vectors.tokens.at(0).text());
      return absl::OkStatus();
    };
  }

  bool InOrder() const {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i] != absl::StrCat("s", i)) return false;
    }
    return true;
  }
  const std::vector<std::string>& tokens() const { return tokens_; }

 private:
  const int fail_at_;
  std::vector<std::string> tokens_;
};

std::shared_ptr<NiceMock<MockConnection>> FakeConnection() {
  auto connection = std::make_shared<NiceMock<MockConnection>>();
  ON_CALL(*connection, GetModel).WillByDefault(Return(FakeModel()));
  ON_CALL(*connection, AsyncEmbed).WillByDefault(AnswerAtOnce(FakeAnswer));
  return connection;
}

// Leaves calls open until `width` of them are, or the last sentence has come;
// then answers them, the youngest first.
class BackwardConnection : public NiceMock<MockConnection> {
 public:
  BackwardConnection(size_t width, int num_sentences)
      : width_(width), to_come_(num_sentences) {
    ON_CALL(*this, GetModel).WillByDefault(Return(FakeModel()));
  }

  Cancel AsyncEmbed(const CallOptions&, Request request,
                    EmbedCallback done) override {
    to_come_ -= request->sentences_size();
    open_.emplace_back(std::move(request), std::move(done));
    most_open_ = std::max(most_open_, open_.size());
    if (open_.size() == width_ || to_come_ == 0) AnswerAll();
    return [] {};
  }

  size_t most_open() const { return most_open_; }

 private:
  void AnswerAll() {
    while (!open_.empty()) {
      auto [request, done] = std::move(open_.back());
      open_.pop_back();
      done(FakeAnswer(*request));
    }
  }

  const size_t width_;
  int to_come_;
  size_t most_open_ = 0;
  std::vector<std::pair<Request, EmbedCallback>> open_;
};

TEST(BulkEmbedderTest, ResultsKeepTheirOrderWhenAnswersComeBackwards) {
  for (const int width : {1, 2, 3, 7}) {
    auto connection = std::make_shared<BackwardConnection>(width, 500);
    BulkOptions options;
    options.max_in_flight = width;
    EmbedClient client(connection, options);
    CountingSource source(500);
    Collector collector;
    ASSERT_THAT(client.EmbedAll(source, WithTokens(), collector.Sink()),
                IsOk());
    EXPECT_THAT(collector.tokens(), SizeIs(500));
    EXPECT_TRUE(collector.InOrder());
    EXPECT_EQ(connection->most_open(), static_cast<size_t>(width));
  }
}

TEST(BulkEmbedderTest, LongStreamIsReadNoFasterThanItIsDelivered) {
  BulkOptions options;
  options.max_in_flight = 3;
  EmbedClient client(FakeConnection(), options);
  CountingSource source(20000);
  int delivered = 0;
  int most_ahead = 0;
  ASSERT_THAT(client.EmbedAll(source, {},
                              [&](const SentenceVectors&) {
                                most_ahead = std::max(
                                    most_ahead, source.read() - delivered);
                                ++delivered;
                                return absl::OkStatus();
                              }),
              IsOk());
  EXPECT_EQ(delivered, 20000);
  EXPECT_LE(most_ahead, 3 * 8 + 1);  // Three requests of 8 and one left over.
}

TEST(BulkEmbedderTest, OwnWishForTokensIsObeyed) {
  std::vector<int> sizes;
  auto connection = FakeConnection();
  ON_CALL(*connection, AsyncEmbed)
      .WillByDefault([&](const CallOptions& call, const Request& request,
                         const EmbedConnection::EmbedCallback& done) {
        sizes.push_back(request->sentences_size());
        return AnswerAtOnce(FakeAnswer)(call, request, done);
      });
  BulkOptions options;
  options.max_request_tokens = 3;
  EmbedClient client(connection, options);
  CountingSource source(7);
  ASSERT_THAT(client.EmbedAll(source, WithTokens(), Collector().Sink()),
              IsOk());
  EXPECT_THAT(sizes, ElementsAre(3, 3, 1));
}

TEST(BulkEmbedderTest, WaitsOutAnOutageOnceTheServerHasAnswered) {
  auto connection = FakeConnection();
  EXPECT_CALL(*connection,
              GetModel(::testing::Field(&CallOptions::wait_for_ready, false),
                       ::testing::_));
  EXPECT_CALL(*connection,
              AsyncEmbed(::testing::Field(&CallOptions::wait_for_ready, true),
                         ::testing::_, ::testing::_));
  EmbedClient client(connection);
  CountingSource source(5);
  EXPECT_THAT(client.EmbedAll(source, WithTokens(), Collector().Sink()),
              IsOk());
}

// A person at a keyboard: after each line, nothing more is there yet.
class KeyboardSource : public CountingSource {
 public:
  KeyboardSource(int count, const Collector& collector)
      : CountingSource(count), collector_(collector) {}

  absl::StatusOr<std::optional<v1::Sentence>> Next() override {
    // Whoever waits here has been given all answers.
    EXPECT_THAT(collector_.tokens(), SizeIs(read()));
    return CountingSource::Next();
  }
  bool MustWait() override { return true; }

 private:
  const Collector& collector_;
};

TEST(BulkEmbedderTest, AnswersAreDeliveredBeforeAWaitForInput) {
  EmbedClient client(FakeConnection());
  Collector collector;
  KeyboardSource source(5, collector);
  ASSERT_THAT(client.EmbedAll(source, WithTokens(), collector.Sink()), IsOk());
  EXPECT_THAT(collector.tokens(), ElementsAre("s0", "s1", "s2", "s3", "s4"));
}

class BrokenSource : public CountingSource {
 public:
  using CountingSource::CountingSource;
  absl::StatusOr<std::optional<v1::Sentence>> Next() override {
    auto sentence = CountingSource::Next();
    if (!*sentence) return absl::DataLossError("input.txt:12: not UTF-8");
    return sentence;
  }
};

TEST(BulkEmbedderTest, SentencesBeforeABrokenOneAreDelivered) {
  EmbedClient client(FakeConnection());
  BrokenSource source(11);
  Collector collector;
  EXPECT_THAT(client.EmbedAll(source, WithTokens(), collector.Sink()),
              StatusIs(absl::StatusCode::kDataLoss, "input.txt:12: not UTF-8"));
  EXPECT_THAT(collector.tokens(), SizeIs(11));
}

// Answers the first call; the others stay open until they are cancelled.
class StuckConnection : public MockConnection {
 public:
  Cancel AsyncEmbed(const CallOptions&, Request request,
                    EmbedCallback done) override {
    if (++calls_ == 1) {
      done(FakeAnswer(*request));
      return [] {};
    }
    return [this, done] {
      ++cancelled_;
      done(absl::CancelledError("by the caller"));
    };
  }
  int calls() const { return calls_; }
  int cancelled() const { return cancelled_; }

 private:
  int calls_ = 0;
  int cancelled_ = 0;
};

TEST(BulkEmbedderTest, ErrorOfTheSinkCancelsWhatIsUnderWay) {
  StuckConnection connection;
  BulkOptions options;
  options.max_in_flight = 4;
  BulkEmbedder bulk(connection, {}, FakeModel(), {}, options);
  CountingSource source(1000);
  EXPECT_THAT(bulk.Run(source,
                       [](const SentenceVectors&) {
                         return absl::DataLossError("disk full");
                       }),
              StatusIs(absl::StatusCode::kDataLoss, "disk full"));
  EXPECT_EQ(connection.calls(), 4);
  EXPECT_EQ(connection.cancelled(), 3);
}

// Answers each call on a thread of its own, in whatever order they run.
class ThreadedConnection : public MockConnection {
 public:
  ~ThreadedConnection() override {
    for (std::thread& thread : threads_) thread.join();
  }

  Cancel AsyncEmbed(const CallOptions&, Request request,
                    EmbedCallback done) override {
    MutexLock lock(&mu_);
    threads_.emplace_back(
        [request = std::move(request), done = std::move(done)] {
          done(FakeAnswer(*request));
        });
    return [] {};
  }
  absl::StatusOr<v1::Model> GetModel(const CallOptions&,
                                     const v1::GetModelRequest&) override {
    return FakeModel();
  }

 private:
  Mutex mu_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

TEST(BulkEmbedderTest, ThreadsShareOneClient) {
  EmbedClient client(std::make_shared<ThreadedConnection>());
  std::vector<Collector> collectors(4);
  std::vector<absl::Status> statuses(4);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, i] {
      CountingSource source(200);
      statuses[i] = client.EmbedAll(source, WithTokens(), collectors[i].Sink());
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(statuses[i], IsOk());
    EXPECT_THAT(collectors[i].tokens(), SizeIs(200));
    EXPECT_TRUE(collectors[i].InOrder());
  }
}

}  // namespace
}  // namespace elmo
