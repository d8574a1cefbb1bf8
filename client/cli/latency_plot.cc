#include "client/cli/latency_plot.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace elmo::cli {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 600;
constexpr double kLeft = 70;
constexpr double kRight = 710;  // Of the panels; the legend stands beyond.

using Value = std::function<double(const LoadInterval&)>;

struct Series {
  const char* name;
  const char* color;
  Value value;  // Not positive: no point.
};

// One pair of axes over the time of the load.
class Panel {
 public:
  Panel(double top, double bottom, double seconds)
      : top_(top), bottom_(bottom), seconds_(seconds) {}

  // Values from `low` to `high`, on a logarithmic or a linear scale.
  void SetScale(double low, double high, bool logarithmic) {
    low_ = low;
    high_ = high;
    logarithmic_ = logarithmic;
  }

  double X(double seconds) const {
    return kLeft + (kRight - kLeft) * seconds / seconds_;
  }
  double Y(double value) const {
    const double share = logarithmic_
                             ? std::log(value / low_) / std::log(high_ / low_)
                             : (value - low_) / (high_ - low_);
    return bottom_ - (bottom_ - top_) * std::clamp(share, 0.0, 1.0);
  }

  void Grid(double value, std::string* svg) const {
    absl::StrAppendFormat(
        svg,
        "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#ddd'/>"
        "<text x='%.1f' y='%.1f' text-anchor='end'>%g</text>\n",
        kLeft, kRight, Y(value), Y(value), kLeft - 8, Y(value) + 4, value);
  }

  void Frame(const std::string& title, std::string* svg) const {
    absl::StrAppendFormat(
        svg,
        "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='none' "
        "stroke='#888'/><text x='%.1f' y='%.1f' font-weight='bold'>%s</text>\n",
        kLeft, top_, kRight - kLeft, bottom_ - top_, kLeft, top_ - 8, title);
    for (int i = 0; i <= 5; ++i) {
      const double seconds = seconds_ * i / 5;
      absl::StrAppendFormat(
          svg, "<text x='%.1f' y='%.1f' text-anchor='middle'>%.3g s</text>\n",
          X(seconds), bottom_ + 16, seconds);
    }
  }

  // Broken where a stretch has no value.
  void Line(const Series& series, const std::vector<LoadInterval>& intervals,
            std::string* svg) const {
    std::string path;
    bool pen_down = false;
    for (const LoadInterval& interval : intervals) {
      const double value = series.value(interval);
      const bool drawn = value > 0 || !logarithmic_;
      if (drawn) {
        const double x = X(interval.begin_seconds + interval.seconds / 2);
        // A line to where it begins makes a lone value a visible dot.
        absl::StrAppendFormat(
            &path, "%s%.1f %.1f",
            pen_down ? "L" : absl::StrFormat("M%.1f %.1fL", x, Y(value)), x,
            Y(value));
      }
      pen_down = drawn;
    }
    absl::StrAppendFormat(svg,
                          "<path d='%s' fill='none' stroke='%s' "
                          "stroke-width='2' stroke-linecap='round'/>\n",
                          path, series.color);
  }

  void Legend(const std::vector<Series>& all, std::string* svg) const {
    double y = top_ + 14;
    for (const Series& series : all) {
      absl::StrAppendFormat(
          svg,
          "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' "
          "stroke-width='3'/><text x='%.1f' y='%.1f'>%s</text>\n",
          kRight + 12, kRight + 32, y - 4, y - 4, series.color, kRight + 38, y,
          series.name);
      y += 18;
    }
  }

 private:
  const double top_;
  const double bottom_;
  const double seconds_;
  double low_ = 0;
  double high_ = 1;
  bool logarithmic_ = false;
};

double Milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// The smallest and the largest value there is; {1, 10} where there is none.
std::pair<double, double> RangeOf(const std::vector<Series>& all,
                                  const std::vector<LoadInterval>& intervals) {
  double low = HUGE_VAL;
  double high = 0;
  for (const Series& series : all) {
    for (const LoadInterval& interval : intervals) {
      const double value = series.value(interval);
      if (!(value > 0)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (!(high > 0)) return {1, 10};
  return {low, high};
}

void DrawLatency(Panel panel, const std::vector<LoadInterval>& intervals,
                 std::string* svg) {
  const std::vector<Series> all = {
      {"slowest", "#bbbbbb",
       [](const LoadInterval& i) { return Milliseconds(i.answered.max); }},
      {"p99", "#d1495b",
       [](const LoadInterval& i) { return Milliseconds(i.answered.p99); }},
      {"p50", "#00798c",
       [](const LoadInterval& i) { return Milliseconds(i.answered.p50); }}};
  const auto [least, most] = RangeOf(all, intervals);
  const double low = std::pow(10, std::floor(std::log10(least)));
  const double high =
      std::max(std::pow(10, std::ceil(std::log10(most))), low * 10);
  panel.SetScale(low, high, /*logarithmic=*/true);
  for (double decade = low; decade < high * 1.001; decade *= 10) {
    panel.Grid(decade, svg);
  }
  for (const Series& series : all) panel.Line(series, intervals, svg);
  panel.Legend(all, svg);
  panel.Frame("Latency of answers, from the intended time, ms", svg);
}

void DrawOutcomes(Panel panel, const std::vector<LoadInterval>& intervals,
                  std::string* svg) {
  constexpr const char* kColors[kNumOutcomes] = {
      "#00798c", "#edae49", "#d1495b", "#8d6a9f", "#000000", "#bbbbbb"};
  std::vector<Series> all;
  for (int i = 0; i < kNumOutcomes; ++i) {
    const auto outcome = static_cast<size_t>(i);
    const auto per_second = [outcome](const LoadInterval& interval) {
      return static_cast<double>(interval.outcomes[outcome]) / interval.seconds;
    };
    const bool any =
        std::any_of(intervals.begin(), intervals.end(),
                    [&](const LoadInterval& at) { return per_second(at) > 0; });
    if (!any) continue;
    all.push_back(
        {OutcomeName(static_cast<Outcome>(i)), kColors[i], per_second});
  }
  const double most = RangeOf(all, intervals).second;
  const double power = std::pow(10, std::floor(std::log10(most)));
  const double step = most / power > 5 ? power * 2 : power;
  const double high = std::ceil(most / step) * step;
  panel.SetScale(0, high, /*logarithmic=*/false);
  for (double value = 0; value < high * 1.001; value += step) {
    panel.Grid(value, svg);
  }
  for (const Series& series : all) panel.Line(series, intervals, svg);
  panel.Legend(all, svg);
  panel.Frame("Requests by outcome, per second", svg);
}

}  // namespace

std::string LatencyPlot(const BenchResult& result) {
  const std::vector<LoadInterval>& intervals = result.intervals;
  const double seconds = intervals.empty() ? 1
                                           : intervals.back().begin_seconds +
                                                 intervals.back().seconds;
  const Percentiles& answered = result.summary.answered;
  std::string svg = absl::StrFormat(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %g %g' width='%g' "
      "height='%g' font-family='sans-serif' font-size='12'>\n"
      "<rect width='100%%' height='100%%' fill='white'/>\n"
      "<text x='%g' y='26' font-size='14'>%d answers: p50 %.1f ms, p90 %.1f, "
      "p99 %.1f, p99.9 %.1f, max %.1f; goodput %.0f tokens/s</text>\n",
      kWidth, kHeight, kWidth, kHeight, kLeft, answered.count,
      Milliseconds(answered.p50), Milliseconds(answered.p90),
      Milliseconds(answered.p99), Milliseconds(answered.p999),
      Milliseconds(answered.max), result.summary.goodput_tokens_per_second);
  DrawLatency(Panel(65, 310, seconds), intervals, &svg);
  DrawOutcomes(Panel(365, 560, seconds), intervals, &svg);
  return svg + "</svg>\n";
}

}  // namespace elmo::cli
