#!/usr/bin/python3
"""Plots what elmo-bench measured: plot.py RESULTS.json OUT writes OUT.svg and
OUT.png. Solid: measured, with the range of the runs; dashed: expected."""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402

COLOURS = {"f32": "tab:blue", "bf16": "tab:orange", "int8": "tab:green"}


def rows_of(results, part, table):
    return results.get(part, {}).get(table, [])


def draw(axes, rows, x, y, expected, label, colour, marker):
    """One curve of samples, and the expected one where there is one."""
    if not rows:
        return
    xs = [row[x] for row in rows]
    median = [row[y]["median"] for row in rows]
    below = [row[y]["median"] - row[y]["min"] for row in rows]
    above = [row[y]["max"] - row[y]["median"] for row in rows]
    axes.errorbar(xs, median, yerr=[below, above], label=label, color=colour,
                  marker=marker, markersize=4, capsize=2)
    if expected:
        axes.plot(xs, [row[expected] for row in rows], "--", color=colour,
                  alpha=0.6)


def finish(axes, title, xlabel, ylabel, logarithmic="both"):
    if logarithmic in ("both", "x"):
        axes.set_xscale("log", base=2)
    if logarithmic == "both":
        axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    if logarithmic == "both":  # Less than a power of ten: name those between.
        low, high = axes.get_ylim()
        minor = (lambda value, _: f"{value:g}") if high < 20 * low else ""
        axes.yaxis.set_minor_formatter(minor)
    axes.set_title(title)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.3, which="both")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def plot_throughput(axes, results):
    rows = rows_of(results, "throughput", "rows")
    for key in sorted({(r["precision"], r["workers"]) for r in rows}):
        precision, workers = key
        mine = [r for r in rows if (r["precision"], r["workers"]) == key]
        draw(axes, mine, "sentences", "tokens_per_second",
             "expected_tokens_per_second",
             f"{precision}, {workers:g} worker(s)", COLOURS[precision],
             "o" if workers == 1 else "s")
    finish(axes, "Sentences together", "sentences of a worker", "tokens/s")


def plot_share(axes, results):
    rows = rows_of(results, "throughput", "rows")
    for key in sorted({(r["precision"], r["workers"]) for r in rows}):
        precision, workers = key
        mine = [r for r in rows if (r["precision"], r["workers"]) == key]
        axes.plot([r["sentences"] for r in mine],
                  [100 * r["share_of_peak"] for r in mine],
                  marker="o" if workers == 1 else "s", markersize=4,
                  color=COLOURS[precision],
                  label=f"{precision}, {workers:g} worker(s)")
    axes.set_ylim(0, 100)
    finish(axes, "Share of oneDNN's matmul", "sentences of a worker", "%", "x")


def plot_latency(axes, results):
    rows = rows_of(results, "latency", "rows")
    for key in sorted({(r["precision"], r["workers"]) for r in rows}):
        precision, workers = key
        draw(axes, [r for r in rows if (r["precision"], r["workers"]) == key],
             "tokens", "ms", "expected_ms",
             f"{precision}, {workers:g} worker(s)", COLOURS[precision],
             "o" if workers == 1 else "s")
    finish(axes, "One sentence", "tokens", "ms")


def plot_length(axes, results):
    rows = rows_of(results, "growth", "length")
    for precision, colour in COLOURS.items():
        mine = [r for r in rows if r["precision"] == precision]
        draw(axes, [r for r in mine if r["sentences"] == 1], "tokens",
             "tokens_per_second", "expected_tokens_per_second",
             f"{precision}, one sentence", colour, "o")
        draw(axes, [r for r in mine if r["sentences"] > 1], "tokens",
             "tokens_per_second", "expected_tokens_per_second",
             f"{precision}, 512 tokens together", colour, "s")
    finish(axes, "Length, one worker", "tokens of a sentence", "tokens/s")


def plot_workers(axes, results):
    rows = rows_of(results, "growth", "workers")
    for precision, colour in COLOURS.items():
        for count, marker in ((1, "o"), (32, "s")):
            mine = [r for r in rows
                    if r["precision"] == precision and r["sentences"] == count]
            if not mine:
                continue
            xs = [r["workers"] for r in mine]
            axes.plot(xs, [r["times"] for r in mine], color=colour,
                      marker=marker, label=f"{precision}, {count} sentence(s)")
            axes.plot(xs, [r["expected_times"] for r in mine], "--",
                      color=colour, alpha=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish(axes, "Workers", "workers", "times one worker", "none")


def plot_cache(axes, results):
    rows = rows_of(results, "cache", "hit_rates")
    axes.plot([r["mb"] for r in rows],
              [100 * r["later_hit_rate"] for r in rows], marker="o",
              color="tab:purple")
    finish(axes, "Word cache on running text", "MB", "found, %", "x")


def main():
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        results = json.load(file)
    figure, axes = plt.subplots(2, 3, figsize=(15, 9))
    for plot, place in zip((plot_throughput, plot_share, plot_latency,
                            plot_length, plot_workers, plot_cache), axes.flat):
        plot(place, results)
    machine = results["machine"]
    figure.suptitle(f"{machine['model']} on {machine['cpu']}, "
                    f"{machine['cpus']} CPUs. Dashed: expected")
    figure.tight_layout()
    figure.savefig(target + ".svg")
    figure.savefig(target + ".png", dpi=80)


if __name__ == "__main__":
    main()
