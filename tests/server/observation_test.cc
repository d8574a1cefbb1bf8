// What a running server counts and logs about its calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "server/logs/request_id.h"
#include "tests/testing/captured_log.h"
#include "tests/testing/scrape.h"
#include "tests/testing/test_server.h"

namespace elmo::testing {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kSpan[] = "b7ad6b7169203331";

ServerOptions Options() {
  ServerOptions options = TestServer::Options();
  options.metrics_listen = "127.0.0.1:0";
  options.access_log.all_requests = true;
  return options;
}

Metrics Scrape(TestServer* server) {
  return testing::Scrape(server->server().metrics_port());
}

double Requests(const Metrics& m, const std::string& code,
                const std::string& method = "Embed") {
  return m["elmo_requests_total{code=\"" + code + "\",method=\"" + method +
           "\"}"];
}

grpc::Status Embed(TestServer* server, const v1::EmbedRequest& request,
                   grpc::ClientContext* context) {
  v1::EmbedResponse response;
  return server->stub().Embed(context, request, &response);
}

grpc::Status Embed(TestServer* server, const v1::EmbedRequest& request) {
  grpc::ClientContext context;
  return Embed(server, request, &context);
}

// Holds up the only worker.
std::future<grpc::Status> Occupy(TestServer* server) {
  server->engine().Block();
  const int runs = static_cast<int>(server->engine().batches().size());
  auto status = std::async(std::launch::async, [server] {
    return Embed(server, RequestOf({"occupied"}));
  });
  server->engine().WaitForRuns(runs + 1);
  return status;
}

// Trailers hold the id that the log has, too.
std::string RequestIdOf(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto it = trailers.find("x-request-id");
  return it == trailers.end()
             ? ""
             : std::string(it->second.data(), it->second.size());
}

TEST(ObservationTest, ServerExportsEverySeriesBeforeTheFirstRequest) {
  CapturedLog log(LogFormat::kText);
  TestServer server(Options());
  const Metrics before = Scrape(&server);
  EXPECT_EQ(before["elmo_model_info{checksum=\"c0ffee\",dim=\"8\",isa=\"none\","
                   "layers=\"2\",model=\"fake\",precision=\"f32\"}"],
            1);
  EXPECT_EQ(before["elmo_workers"], 1);
  ASSERT_TRUE(Embed(&server, RequestOf({"a"})).ok());
  const Metrics after = Scrape(&server);
  for (const auto& [series, value] : after.values) {
    EXPECT_EQ(before.values.count(series), 1) << series;
  }
}

TEST(ObservationTest, GoodCallsAreCounted) {
  CapturedLog log(LogFormat::kText);
  TestServer server(Options());
  v1::EmbedRequest request = RequestOf({"a", "b"});
  request.add_sentences()->set_text("c d e");
  ASSERT_TRUE(Embed(&server, request).ok());
  ASSERT_TRUE(Embed(&server, RequestOf({"f"})).ok());
  const Metrics m = Scrape(&server);
  EXPECT_EQ(Requests(m, "OK"), 2);
  EXPECT_EQ(m["elmo_request_duration_seconds_count{method=\"Embed\"}"], 2);
  EXPECT_EQ(m["elmo_sentences_total"], 3);
  EXPECT_EQ(m["elmo_tokens_total"], 6);
  EXPECT_EQ(m["elmo_request_tokens_sum"], 6);
  EXPECT_EQ(m["elmo_tokenization_duration_seconds_count"], 1);
  EXPECT_EQ(m["elmo_queue_duration_seconds_count"], 3);
  // The warm-up goes past the scheduler.
  EXPECT_EQ(m["elmo_batch_rows_sum"], 3);
  EXPECT_EQ(m["elmo_batch_tokens_sum"], 6 + 2 * 3);
  EXPECT_EQ(m["elmo_batch_rows_count"],
            m["elmo_compute_duration_seconds_count"]);
  EXPECT_GT(m["elmo_request_bytes_total"], 0);
  EXPECT_GT(m["elmo_response_bytes_total"], 6 * 8 * 4);
}

TEST(ObservationTest, OtherMethodsAreCounted) {
  CapturedLog log(LogFormat::kText);
  TestServer server(Options());
  grpc::ClientContext list_context;
  v1::ListModelsResponse models;
  ASSERT_TRUE(server.stub().ListModels(&list_context, {}, &models).ok());
  grpc::ClientContext get_context;
  v1::GetModelRequest get;
  get.set_model("other");
  v1::Model model;
  EXPECT_FALSE(server.stub().GetModel(&get_context, get, &model).ok());
  EXPECT_NE(RequestIdOf(get_context), "");
  const Metrics m = Scrape(&server);
  EXPECT_EQ(Requests(m, "OK", "ListModels"), 1);
  EXPECT_EQ(Requests(m, "NOT_FOUND", "GetModel"), 1);
  EXPECT_EQ(m["elmo_request_duration_seconds_count{method=\"GetModel\"}"], 1);
  EXPECT_EQ(m["elmo_calls_open{method=\"GetModel\"}"], 0);
}

TEST(ObservationTest, InvalidCallsAreCountedAndCostNothing) {
  CapturedLog log(LogFormat::kText);
  TestServer server(Options());
  EXPECT_EQ(Embed(&server, {}).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  const Metrics m = Scrape(&server);
  EXPECT_EQ(Requests(m, "INVALID_ARGUMENT"), 1);
  EXPECT_EQ(Requests(m, "OK"), 0);
  EXPECT_EQ(m["elmo_sentences_total"], 0);
  EXPECT_EQ(m["elmo_batch_rows_count"], 0);
  EXPECT_EQ(m["elmo_refused_total{reason=\"queue_full\"}"], 0);
}

TEST(ObservationTest, WhatWaitsAndWhatIsRefusedIsCounted) {
  CapturedLog log(LogFormat::kText);
  ServerOptions options = Options();
  options.limits.max_sentences_per_request = 1;
  options.limits.max_tokens_per_request = 8;
  options.scheduler.queue.max_queued_tokens = 10;
  TestServer server(options);
  auto running = Occupy(&server);
  const std::vector<std::string> eight(8, "x");
  auto waiting = std::async(std::launch::async,
                            [&] { return Embed(&server, RequestOf(eight)); });
  while (server.server().scheduler().queued_tokens() != 10) {
    std::this_thread::yield();
  }
  EXPECT_EQ(Embed(&server, RequestOf({"y"})).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  const Metrics busy = Scrape(&server);
  EXPECT_EQ(busy["elmo_queue_tokens"], 10);
  EXPECT_EQ(busy["elmo_queue_sentences"], 1);
  EXPECT_EQ(busy["elmo_workers_busy"], 1);
  EXPECT_GT(busy["elmo_bytes_in_flight"], 0);
  EXPECT_GE(busy["elmo_calls_open{method=\"Embed\"}"], 2);
  EXPECT_EQ(busy["elmo_refused_total{reason=\"queue_full\"}"], 1);
  EXPECT_EQ(Requests(busy, "UNAVAILABLE"), 1);
  server.engine().Unblock();
  EXPECT_TRUE(running.get().ok());
  EXPECT_TRUE(waiting.get().ok());
  EXPECT_EQ(Requests(Scrape(&server), "OK"), 2);
}

// Scrapes until the series has the value: a caller that goes away does not
// learn when the server has noticed.
void WaitForSeries(TestServer* server, const std::string& series,
                   double value) {
  while (Scrape(server)[series] != value) std::this_thread::yield();
}

TEST(ObservationTest, CancelledAndLateCallsAreCounted) {
  CapturedLog log(LogFormat::kText);
  TestServer server(Options());
  auto running = Occupy(&server);
  grpc::ClientContext cancelled_context;
  auto cancelled = std::async(std::launch::async, [&] {
    return Embed(&server, RequestOf({"c"}), &cancelled_context);
  });
  while (server.server().scheduler().queued_tokens() != 3) {
    std::this_thread::yield();
  }
  cancelled_context.TryCancel();
  EXPECT_EQ(cancelled.get().error_code(), grpc::StatusCode::CANCELLED);
  grpc::ClientContext late_context;
  const auto deadline = system_clock::now() + milliseconds(500);
  late_context.set_deadline(deadline);
  EXPECT_EQ(Embed(&server, RequestOf({"l"}), &late_context).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  // The server's deadline is a little later: the time left travels rounded up.
  while (system_clock::now() < deadline + milliseconds(100)) {
    std::this_thread::yield();
  }
  server.engine().Unblock();
  EXPECT_TRUE(running.get().ok());
  WaitForSeries(&server, "elmo_sentences_cancelled_total{stage=\"queued\"}", 1);
  WaitForSeries(&server, "elmo_sentences_expired_total", 1);
  WaitForSeries(&server,
                "elmo_requests_total{code=\"CANCELLED\",method=\"Embed\"}", 1);
  WaitForSeries(
      &server,
      "elmo_requests_total{code=\"DEADLINE_EXCEEDED\",method=\"Embed\"}", 1);
  const Metrics m = Scrape(&server);
  EXPECT_EQ(m["elmo_sentences_cancelled_total{stage=\"running\"}"], 0);
  EXPECT_EQ(m["elmo_request_duration_seconds_count{method=\"Embed\"}"], 3);
}

TEST(ObservationTest, WellFormedRequestIdComesBackAndIsLogged) {
  CapturedLog log(LogFormat::kJson);
  TestServer server(Options());
  grpc::ClientContext context;
  context.AddMetadata("x-request-id", "it's-\"mine\"");
  context.AddMetadata("traceparent",
                      std::string("00-") + kTrace + "-" + kSpan + "-01");
  ASSERT_TRUE(Embed(&server, RequestOf({"a"}), &context).ok());
  EXPECT_EQ(RequestIdOf(context), "it's-\"mine\"");
  ASSERT_THAT(log.lines(), SizeIs(1));
  const auto line = ordered_json::parse(log.lines()[0]);
  EXPECT_EQ(line["request_id"], "it's-\"mine\"");
  EXPECT_EQ(line["trace_id"], kTrace);
  EXPECT_EQ(line["span_id"], kSpan);
  EXPECT_EQ(line["method"], "Embed");
  EXPECT_EQ(line["code"], "OK");
  EXPECT_EQ(line["sentences"], 1);
  EXPECT_EQ(line["tokens"], 1);
  EXPECT_GT(line["duration_ms"], 0);
  EXPECT_GT(line["request_bytes"], 0);
  EXPECT_GT(line["response_bytes"], 0);
  EXPECT_THAT(line["peer"].get<std::string>(), HasSubstr("127.0.0.1"));
}

TEST(ObservationTest, BadIdsAreReplacedAndNeverLogged) {
  CapturedLog log(LogFormat::kJson);
  TestServer server(Options());
  const std::string bad_ids[] = {"has blanks", std::string(129, 'z'), ""};
  for (const std::string& bad : bad_ids) {
    grpc::ClientContext context;
    context.AddMetadata("x-request-id", bad);
    context.AddMetadata("traceparent", "00-zz-" + bad);
    ASSERT_TRUE(Embed(&server, RequestOf({"a"}), &context).ok());
    const std::string id = RequestIdOf(context);
    EXPECT_NE(id, bad);
    EXPECT_TRUE(IsRequestId(id)) << id;
    const auto line = ordered_json::parse(log.lines().back());
    EXPECT_EQ(line["request_id"], id);
    EXPECT_FALSE(line.contains("trace_id"));
    if (bad.empty()) continue;
    EXPECT_THAT(log.lines().back(), Not(HasSubstr(bad)));
  }
}

TEST(ObservationTest, TwoIdsAreNoId) {
  CapturedLog log(LogFormat::kJson);
  TestServer server(Options());
  grpc::ClientContext context;
  for (const char* id : {"one", "two"}) {
    context.AddMetadata("x-request-id", id);
  }
  ASSERT_TRUE(Embed(&server, RequestOf({"a"}), &context).ok());
  EXPECT_EQ(RequestIdOf(context).size(), 32);
}

TEST(ObservationTest, FailuresAreLoggedWithTheirReasonAndWithoutText) {
  CapturedLog log(LogFormat::kJson);
  TestServer server(Options());
  v1::EmbedRequest request = RequestOf({"secret-token"});
  request.mutable_sentences(0)->set_text("secret text");
  grpc::ClientContext context;
  EXPECT_FALSE(Embed(&server, request, &context).ok());
  EXPECT_NE(RequestIdOf(context), "");
  server.engine().FailWith(absl::InternalError("does not compute"));
  EXPECT_FALSE(Embed(&server, RequestOf({"secret"})).ok());
  ASSERT_THAT(log.lines(), SizeIs(2));
  const auto invalid = ordered_json::parse(log.lines()[0]);
  EXPECT_EQ(invalid["level"], "info");
  EXPECT_EQ(invalid["code"], "INVALID_ARGUMENT");
  EXPECT_THAT(invalid["error"].get<std::string>(), HasSubstr("sentences[0]"));
  const auto internal = ordered_json::parse(log.lines()[1]);
  EXPECT_EQ(internal["level"], "error");
  EXPECT_THAT(internal["error"].get<std::string>(),
              HasSubstr("does not compute"));
  for (const std::string& line : log.lines()) {
    EXPECT_THAT(line, Not(HasSubstr("secret")));
  }
}

TEST(ObservationTest, WithoutAnAddressThereIsNoEndpoint) {
  CapturedLog log(LogFormat::kText);
  TestServer server;
  EXPECT_EQ(server.server().metrics_port(), 0);
  ASSERT_TRUE(Embed(&server, RequestOf({"a"})).ok());
  EXPECT_EQ(Requests(ParseMetrics(server.server().metrics().Text()), "OK"), 1);
}

TEST(ObservationTest, MetricsAreServedWhileTheServerDrains) {
  CapturedLog log(LogFormat::kText);
  TestServer server(Options());
  auto running = Occupy(&server);
  const auto stopped =
      std::async(std::launch::async, [&] { server.server().Shutdown(); });
  // Accepted at first, until the server has got that far: those wait.
  grpc::Status status;
  do {
    grpc::ClientContext context;
    context.set_deadline(system_clock::now() + milliseconds(50));
    status = Embed(&server, RequestOf({"b"}), &context);
  } while (status.error_message().find("shutting down") == std::string::npos);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_GE(Scrape(&server)["elmo_refused_total{reason=\"draining\"}"], 1);
  server.engine().Unblock();
  EXPECT_TRUE(running.get().ok());
}

}  // namespace
}  // namespace elmo::testing
