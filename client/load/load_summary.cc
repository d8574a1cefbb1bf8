#include "client/load/load_summary.h"

#include <algorithm>
#include <cmath>

namespace elmo {
namespace {

using std::chrono::nanoseconds;

double Seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

bool IsGood(const CallRecord& call) {
  return call.outcome == Outcome::kOk && !call.late;
}

}  // namespace

nanoseconds AtShare(const std::vector<nanoseconds>& sorted, double share) {
  // 0.99 * 100 is a little more than 99 in binary; the rank is 99.
  constexpr double kRounding = 1e-9;
  const auto count = static_cast<double>(sorted.size());
  const double rank = std::ceil(share * count - kRounding);
  return sorted[static_cast<size_t>(std::clamp(rank, 1.0, count)) - 1];
}

Percentiles PercentilesOf(std::vector<nanoseconds> times) {
  Percentiles result;
  if (times.empty()) return result;
  std::sort(times.begin(), times.end());
  result.count = static_cast<int64_t>(times.size());
  result.p50 = AtShare(times, 0.5);
  result.p90 = AtShare(times, 0.9);
  result.p99 = AtShare(times, 0.99);
  result.p999 = AtShare(times, 0.999);
  result.max = times.back();
  return result;
}

LoadSummary Summarise(const LoadRecords& records, nanoseconds warm_up) {
  LoadSummary summary;
  const nanoseconds end = records.duration;
  summary.seconds = std::max(Seconds(end - warm_up), 0.0);
  summary.verified = records.verified;
  summary.mismatches = records.mismatches;
  int64_t offered_tokens = 0;
  int64_t good_tokens = 0;
  int64_t good_sentences = 0;
  std::vector<nanoseconds> answered;
  std::vector<nanoseconds> refused;
  std::vector<nanoseconds> delays;
  for (const CallRecord& call : records.calls) {
    const nanoseconds arrival = call.intended + call.latency;
    if (IsGood(call) && arrival >= warm_up && arrival < end) {
      good_tokens += call.tokens;
      good_sentences += call.sentences;
    }
    if (call.intended < warm_up) continue;
    ++summary.offered;
    if (call.intended + call.send_delay < end) ++summary.sent;
    offered_tokens += call.tokens;
    ++summary.outcomes[static_cast<size_t>(call.outcome)];
    ++summary.codes[call.code];
    summary.late += call.late ? 1 : 0;
    delays.push_back(call.send_delay);
    if (call.outcome == Outcome::kOk) answered.push_back(call.latency);
    if (call.outcome == Outcome::kRefused) refused.push_back(call.latency);
  }
  if (summary.seconds > 0) {
    const auto rate = [&](int64_t n) {
      return static_cast<double>(n) / summary.seconds;
    };
    summary.offered_tokens_per_second = rate(offered_tokens);
    summary.goodput_tokens_per_second = rate(good_tokens);
    summary.goodput_sentences_per_second = rate(good_sentences);
  }
  summary.answered = PercentilesOf(std::move(answered));
  summary.refused = PercentilesOf(std::move(refused));
  summary.send_delay = PercentilesOf(std::move(delays));
  return summary;
}

std::vector<LoadInterval> Intervals(const LoadRecords& records, int count) {
  const double length = Seconds(records.duration) / count;
  if (!(length > 0)) return {};
  std::vector<LoadInterval> intervals(static_cast<size_t>(count));
  std::vector<std::vector<nanoseconds>> latencies(intervals.size());
  const auto index = [&](nanoseconds time) {
    return static_cast<size_t>(std::max(Seconds(time) / length, 0.0));
  };
  for (size_t i = 0; i < intervals.size(); ++i) {
    intervals[i].begin_seconds = length * static_cast<double>(i);
    intervals[i].seconds = length;
  }
  for (const CallRecord& call : records.calls) {
    const size_t i = std::min(index(call.intended), intervals.size() - 1);
    ++intervals[i].outcomes[static_cast<size_t>(call.outcome)];
    if (call.outcome == Outcome::kOk) latencies[i].push_back(call.latency);
    const size_t arrival = index(call.intended + call.latency);
    if (IsGood(call) && arrival < intervals.size()) {
      intervals[arrival].goodput_tokens_per_second += call.tokens / length;
    }
  }
  for (size_t i = 0; i < intervals.size(); ++i) {
    intervals[i].answered = PercentilesOf(std::move(latencies[i]));
  }
  return intervals;
}

}  // namespace elmo
