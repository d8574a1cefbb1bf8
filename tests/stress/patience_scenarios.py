"""Scenarios of callers who try again, and of those whom nobody waits for any
more."""

import urllib.request

from harness import at_least, at_most, equal, ratio, same_bits


def retry_storm(context):
    """150 % of the capacity, and who is refused tries again three times, as
    gRPC does: after the pause that the server asks for."""
    with context.server() as server:
        before = context.measure_capacity(server)
        load = context.bench(
            server, "--rate", context.rate(1.5, capacity=before),
            "--duration", context.settings.seconds + 2, "--warm-up", 2,
            "--deadline", 1, "--attempts", 4)
        capacity = (before + context.measure_capacity(server)) / 2
    outcomes = load["outcomes"]
    return [
        at_least("goodput / capacity",
                 ratio(load["goodput_tokens_per_second"], capacity), 0.85),
        equal("failed", outcomes["failed"], 0),
        same_bits(load),
    ]


def _value(server, series):
    """Of one series with its labels; 0 where there is none."""
    url = f"http://127.0.0.1:{server.metrics_file.read_text().strip()}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines
               if line.rpartition(" ")[0] == series)


def missed_deadlines(context):
    """120 % of the capacity with deadlines from 20 ms to 1 s: next to nothing
    is computed for callers who have gone."""
    with context.server(metrics=True) as server:
        before = context.measure_capacity(server)
        # What the capacity's last callers left unread does not count here.
        run = "elmo_queue_duration_seconds_count"
        lost = 'elmo_sentences_cancelled_total{stage="running"}'
        run_before, lost_before = _value(server, run), _value(server, lost)
        load = context.bench(
            server, "--rate", context.rate(1.2, capacity=before),
            "--duration", context.settings.seconds + 2, "--warm-up", 2,
            "--deadline", "0.02:1")
        run_now, lost_now = _value(server, run), _value(server, lost)
    return [
        at_least("sentences computed", run_now - run_before, 100),
        at_most("computed for nobody / computed",
                ratio(lost_now - lost_before, run_now - run_before), 0.01),
        equal("failed", load["outcomes"]["failed"], 0),
        same_bits(load),
    ]


SCENARIOS = [retry_storm, missed_deadlines]
