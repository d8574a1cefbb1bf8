"""Scenarios of several servers behind one name. See scripts/scale-out --help."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from names import Names
from network import CALLERS, ROOT, Cluster, make_network, wait_until

from harness import (Check, Settings, at_least, at_most, equal, ratio,
                     same_bits, tell_result)

DRAIN = ("--drain-delay", "2s")


def _three(cluster, *flags):
    while len(cluster.nodes) < 3:
        cluster.node()
    nodes = [node.start(*flags) for node in cluster.nodes[:3]]
    cluster.publish(nodes)
    return nodes


def _shares(nodes, before):
    """What part of the sentences each answered since `before`."""
    now = [node.sentences() - old for node, old in zip(nodes, before)]
    return [ratio(count, sum(now)) for count in now]


def throughput(cluster, options):
    """Three servers against one, each with the same share of a CPU."""
    flags = ("--capacity", "--in-flight", 96, "--duration", options.seconds,
             "--warm-up", 1)
    nodes = _three(cluster)
    cluster.publish(nodes[:1])
    one = cluster.load(*flags).result()
    cluster.publish(nodes)
    before = [node.sentences() for node in nodes]
    three = cluster.load(*flags).result()
    shares = _shares(nodes, before)
    options.rate = three["goodput_tokens_per_second"] / 80 * 0.4
    memory = max(node.rss_mb() for node in nodes)
    speed = [load["goodput_tokens_per_second"] for load in (one, three)]
    return [Check("tokens/s of one", f"{speed[0]:.0f}", "told", True),
            Check("tokens/s of three", f"{speed[1]:.0f}", "told", True),
            at_least("three / one", ratio(speed[1], speed[0]),
                     1 if options.quick else 2.7),
            at_least("smallest share of the calls", min(shares), 0.28),
            equal("failed", one["outcomes"]["failed"] +
                  three["outcomes"]["failed"], 0),
            same_bits(one, three), at_most("memory of one", memory, 256, " MB")]


def rolling_restart(cluster, options):
    """Each server is replaced by one with another address, under load."""
    old = _three(cluster, *DRAIN)
    load = cluster.load("--rate", options.rate, "--duration", 50,
                        "--attempts", 5, "--deadline", 10, "--verify-share",
                        0.1)
    _under_load(old)
    codes, slowest = [], 0
    for number, node in enumerate(old):
        if len(cluster.nodes) <= 3 + number:
            cluster.node()
        new = cluster.nodes[3 + number].start(*DRAIN)
        # As Kubernetes does: the new one is ready, the old one leaves the name
        # and is told to end.
        cluster.publish([*(n for n in cluster.ready if n is not node), new])
        node.terminate()
        began = time.monotonic()
        wait_until(lambda: not node.is_alive(), 30)
        codes.append(node.process.poll())
        wait_until(lambda: new.sentences() > 20, 30)
        slowest = max(slowest, time.monotonic() - began)
    in_time = load.process.poll() is None
    result = load.result()
    return [equal("exit codes", codes, [0, 0, 0]),
            equal("all replaced while the load ran", in_time, True),
            at_most("signal until its successor has calls", slowest,
                    options.patience, " s"),
            *_all_answered(result), same_bits(result)]


def killed(cluster, options):
    """SIGKILL to one of three: only its own calls fail, and those that are
    sent again do not."""
    nodes = _three(cluster)
    flags = ("--capacity", "--in-flight", 96, "--duration", options.seconds,
             "--warm-up", 0)
    checks = []
    for retry in (False, True):
        load = cluster.load(*flags, *(["--attempts", 5] if retry else []))
        _under_load(nodes)
        time.sleep(1)
        nodes[2].kill()
        before = [node.sentences() for node in nodes[:2]]
        result = load.result()
        others = sum(node.sentences() for node in nodes[:2]) - sum(before)
        lost = result["outcomes"]["failed"]
        if retry:
            checks += _all_answered(result)
        else:  # It had about a third of those under way.
            checks += [Check("failed, not sent again", str(lost), "1 to 64",
                             1 <= lost <= 64),
                       at_least("answered by the others afterwards", others, 100)]
        checks.append(same_bits(result))
        nodes[2].start()
    return checks


def newcomer(cluster, options):
    """A fourth server: connections that end by age find it."""
    age = ("--max-connection-age", "5s")
    nodes = _three(cluster, *age)
    while len(cluster.nodes) < 4:
        cluster.node()
    load = cluster.load("--rate", options.rate, "--duration", 40,
                        "--attempts", 5, "--deadline", 10)
    _under_load(nodes)
    fourth = cluster.nodes[3].start(*age)
    nodes = [*nodes, fourth]
    cluster.publish(nodes)
    began = time.monotonic()
    found = wait_until(lambda: fourth.sentences() > 0, 30)
    after = time.monotonic() - began
    time.sleep(7)  # Until all six connections have ended once.
    before = [node.sentences() for node in nodes]
    time.sleep(5)
    shares = _shares(nodes, before)
    result = load.result()
    return [equal("the fourth is found", found, True),
            at_most("after", after, options.patience, " s"),
            at_least("its share of the calls then", shares[3], 0.2),
            *_all_answered(result), same_bits(result)]


def _under_load(nodes):
    """Waits until the load has begun: every server answers calls."""
    before = [node.sentences() for node in nodes]
    # More than the load's own questions before it begins.
    wait_until(lambda: all(node.sentences() - old > 500
                           for node, old in zip(nodes, before)), 60)


def _all_answered(result):
    return [at_least("calls", result["offered"], 500),
            equal("not answered", result["offered"] - result["outcomes"]["ok"],
                  0)]


SCENARIOS = [throughput, rolling_restart, killed, newcomer]


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/scale-out", formatter_class=argparse.RawTextHelpFormatter,
        description="Three servers with addresses of their own behind one name, "
        "and elmo-client's round robin.\nExit code 1: a line was missed.",
        epilog="scenarios, in this order:\n" + "\n".join(
            f"  {f.__name__:16} {' '.join(f.__doc__.split())}"
            for f in SCENARIOS))
    parser.add_argument("--quick", action="store_true",
                        help="shorter loads, and lines for a busy machine")
    parser.add_argument("--json", default="build/scale-out.json",
                        help="where the figures are kept (build/scale-out.json)")
    parser.add_argument("--binaries", type=Path,
                        default=ROOT / "build/release/bin")
    options = parser.parse_args(arguments)
    options.seconds = 5 if options.quick else 10
    # A busy machine must not fail the tests.
    options.patience = 30 if options.quick else 15
    options.rate = 20  # Until the capacity is known.
    return options


def show(name, checks, seconds):
    print(f"\n{name} ({seconds:.0f} s; load average {os.getloadavg()[0]:.1f})")
    for check in checks:
        print(f"  {'PASS' if check.ok else 'FAIL'}  {check.what:42} "
              f"{check.measured:>14}  {check.line}")
    sys.stdout.flush()


def run(scenario, cluster, options):
    try:
        return scenario(cluster, options)
    except RuntimeError as error:  # Of a server or a load, and says which.
        return [Check("goes on", str(error)[:200], "to the end", False)]
    finally:
        cluster.end()


def main(arguments):
    options = parse(arguments)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    directory = Path(tempfile.mkdtemp(prefix="elmo-scale-out."))
    make_network(directory)
    cpus = os.sched_getaffinity(0)
    # Three servers and their successor leave callers a third of the machine.
    share = min(1.0, len(cpus) / 5)
    settings = Settings(options.binaries, ROOT / "models/elmo-en-small", cpus,
                        cpus, options.quick, options.seconds, directory)
    cluster = Cluster(settings, Names(CALLERS), share)
    print(f"each server has {share:.2g} of the {len(cpus)} CPUs")
    results = []
    try:
        for scenario in SCENARIOS:
            began = time.monotonic()
            checks = run(scenario, cluster, options)
            show(scenario.__name__, checks, time.monotonic() - began)
            results.append({"scenario": scenario.__name__,
                            "checks": [vars(check) for check in checks]})
    finally:
        cluster.remove()
        shutil.rmtree(directory, ignore_errors=True)
    Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    Path(options.json).write_text(json.dumps(
        {"cpus_of_a_server": share, "scenarios": results}, indent=2) + "\n")
    return tell_result(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
