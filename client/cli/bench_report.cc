#include "client/cli/bench_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text_width.h"

namespace elmo::cli {
namespace {

using nlohmann::ordered_json;
using std::chrono::nanoseconds;

double Milliseconds(nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double Seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::string Heading(const BenchResult& result) {
  const BenchCommand& command = result.command;
  std::string text =
      command.max_in_flight > 0
          ? absl::StrFormat("Closed loop, %d requests under way",
                            command.max_in_flight)
          : absl::StrFormat("Open loop, %g requests/s", command.schedule.rate);
  absl::StrAppendFormat(
      &text, ", %d %s a request, %d %s, seed %d\n",
      command.pool.sentences_per_request,
      command.pool.sentences_per_request == 1 ? "sentence" : "sentences",
      command.connections,
      command.connections == 1 ? "connection" : "connections",
      command.schedule.seed);
  absl::StrAppendFormat(&text, "%s%.1f s counted after %g s of warm-up\n\n",
                        result.interrupted ? "Interrupted: " : "",
                        result.summary.seconds, Seconds(command.warm_up));
  return text;
}

std::string OutcomeLines(const LoadSummary& summary) {
  std::string text = absl::StrFormat(
      "%-12s %9d  %10.1f/s  %10.0f tokens/s\n", "offered", summary.offered,
      summary.seconds > 0 ? summary.offered / summary.seconds : 0,
      summary.offered_tokens_per_second);
  absl::StrAppendFormat(&text, "%-12s %9d\n", "sent in time", summary.sent);
  for (int i = 0; i < kNumOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const int64_t count = summary.count(outcome);
    if (outcome == Outcome::kAbandoned && count == 0) continue;
    absl::StrAppendFormat(
        &text, "%-12s %9d  %10.2f %%\n", OutcomeName(outcome), count,
        summary.offered > 0 ? 100.0 * count / summary.offered : 0);
  }
  absl::StrAppendFormat(&text, "%-12s %9d\n", "answered late", summary.late);
  absl::StrAppendFormat(&text, "%-12s %9s  %10.1f sentences/s %5.0f tokens/s\n",
                        "goodput", "", summary.goodput_sentences_per_second,
                        summary.goodput_tokens_per_second);
  return text;
}

std::string CodeLine(const LoadSummary& summary) {
  std::string text = "codes:";
  for (const auto& [code, count] : summary.codes) {
    absl::StrAppend(&text, "  ", absl::StatusCodeToString(code), " ", count);
  }
  return text + "\n";
}

std::string LatencyLine(const std::string& name, const Percentiles& times) {
  if (times.count == 0) return "";
  return absl::StrFormat("%-12s %9.2f %9.2f %9.2f %9.2f %9.2f\n", name,
                         Milliseconds(times.p50), Milliseconds(times.p90),
                         Milliseconds(times.p99), Milliseconds(times.p999),
                         Milliseconds(times.max));
}

std::string VerifyLine(const LoadSummary& summary) {
  if (summary.verified == 0) return "No answer was compared.\n";
  if (summary.mismatches == 0) {
    return absl::StrFormat(
        "%d %s compared with those before the load: the same bits.\n",
        summary.verified, summary.verified == 1 ? "answer" : "answers");
  }
  return absl::StrFormat(
      "%d %s compared with those before the load: %d DIFFER.\n",
      summary.verified, summary.verified == 1 ? "answer" : "answers",
      summary.mismatches);
}

ordered_json TimesJson(const Percentiles& times) {
  return {{"count", times.count},
          {"p50_ms", Milliseconds(times.p50)},
          {"p90_ms", Milliseconds(times.p90)},
          {"p99_ms", Milliseconds(times.p99)},
          {"p99_9_ms", Milliseconds(times.p999)},
          {"max_ms", Milliseconds(times.max)}};
}

ordered_json OutcomesJson(const std::array<int64_t, kNumOutcomes>& outcomes) {
  ordered_json json;
  for (int i = 0; i < kNumOutcomes; ++i) {
    json[OutcomeName(static_cast<Outcome>(i))] =
        outcomes[static_cast<size_t>(i)];
  }
  return json;
}

ordered_json CommandJson(const BenchCommand& command) {
  return {{"mode", command.max_in_flight > 0 ? "closed" : "open"},
          {"rate", command.schedule.rate},
          {"in_flight", command.max_in_flight},
          {"seed", command.schedule.seed},
          {"connections", command.connections},
          {"sentences_per_request", command.pool.sentences_per_request},
          {"mean_tokens", command.pool.mean_tokens},
          {"file", command.file},
          {"min_deadline_ms", Milliseconds(command.schedule.min_deadline)},
          {"max_deadline_ms", Milliseconds(command.schedule.max_deadline)},
          {"cancel_share", command.schedule.cancel_share},
          {"warm_up_seconds", Seconds(command.warm_up)}};
}

}  // namespace

std::string BenchText(const BenchResult& result) {
  const LoadSummary& summary = result.summary;
  std::string text = absl::StrCat(
      Heading(result), OutcomeLines(summary), CodeLine(summary),
      absl::StrFormat("\n%-12s %9s %9s %9s %9s %9s\n", "latency, ms", "p50",
                      "p90", "p99", "p99.9", "max"),
      LatencyLine("answered", summary.answered),
      LatencyLine("refused", summary.refused),
      LatencyLine("unloaded", result.unloaded),
      LatencyLine("sender late", summary.send_delay), "\n",
      VerifyLine(summary));
  if (!result.first_failure.ok()) {
    absl::StrAppend(&text, "The first failure: ",
                    absl::StatusCodeToString(result.first_failure.code()), ", ",
                    Printable(std::string(result.first_failure.message())),
                    "\n");
  }
  return text;
}

std::string BenchJson(const BenchResult& result) {
  const LoadSummary& summary = result.summary;
  ordered_json json;
  json["server"] = result.server;
  json["load"] = CommandJson(result.command);
  json["interrupted"] = result.interrupted;
  json["seconds"] = summary.seconds;
  json["offered"] = summary.offered;
  json["sent"] = summary.sent;
  json["outcomes"] = OutcomesJson(summary.outcomes);
  json["codes"] = ordered_json::object();
  for (const auto& [code, count] : summary.codes) {
    json["codes"][absl::StatusCodeToString(code)] = count;
  }
  json["late"] = summary.late;
  json["offered_tokens_per_second"] = summary.offered_tokens_per_second;
  json["goodput_tokens_per_second"] = summary.goodput_tokens_per_second;
  json["goodput_sentences_per_second"] = summary.goodput_sentences_per_second;
  json["answered"] = TimesJson(summary.answered);
  json["refused"] = TimesJson(summary.refused);
  json["unloaded"] = TimesJson(result.unloaded);
  json["send_delay"] = TimesJson(summary.send_delay);
  json["verified"] = summary.verified;
  json["mismatches"] = summary.mismatches;
  json["first_failure"] = result.first_failure.ToString();
  json["intervals"] = ordered_json::array();
  for (const LoadInterval& interval : result.intervals) {
    json["intervals"].push_back(
        {{"begin_seconds", interval.begin_seconds},
         {"seconds", interval.seconds},
         {"outcomes", OutcomesJson(interval.outcomes)},
         {"goodput_tokens_per_second", interval.goodput_tokens_per_second},
         {"answered", TimesJson(interval.answered)}});
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace elmo::cli
