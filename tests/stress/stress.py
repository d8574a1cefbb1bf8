"""Runs scenarios and tells how they went. See scripts/stress --help."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import fault_scenarios
import hostile_scenarios
import load_scenarios
import patience_scenarios
from harness import (ROOT, Check, Context, Settings, TookTooLong,
                     tell_result)

SCENARIOS = {function.__name__: function
             for module in (load_scenarios, patience_scenarios,
                            hostile_scenarios, fault_scenarios)
             for function in module.SCENARIOS}
# Those that say much in little time, and whose lines do not depend on a quiet
# machine.
QUICK = ["oversized", "sigterm", "sigkill", "model_replaced",
         "model_truncated", "vanishing_clients", "certificate_swap"]
SCENARIO_LIMIT = 600  # Seconds. The longest takes two minutes.


def published_dimensions(binaries):
    """The folder of a model whose sentences cost what users' do: the shipped
    one is so small that a call costs nearly as much as its sentence."""
    directory = ROOT / "build/stress-model"
    if not directory.exists():
        directory.parent.mkdir(exist_ok=True)
        subprocess.run([binaries / "random-model", "--dimensions", "small",
                        directory], check=True)
    return directory


def cpu_list(text):
    return {int(part) for part in text.split(",")}


def parse(arguments):
    cpus = sorted(os.sched_getaffinity(0))
    half = max(len(cpus) // 2, 1)
    parser = argparse.ArgumentParser(
        prog="scripts/stress", formatter_class=argparse.RawTextHelpFormatter,
        description="Starts the real elmo-server and does to it what callers, "
        "operators and machines\ndo. Every pass line "
        "is made of figures of the same run.\nServer and callers run on "
        "different CPUs. Exit code 1: a line was missed.",
        epilog="scenarios:\n" + "\n".join(
            f"  {name:20} {function.__doc__.split('.')[0].split(':')[0]}"
            .replace("\n   ", "") for name, function in SCENARIOS.items()))
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO",
                        help="these alone; none: all")
    parser.add_argument("--quick", action="store_true",
                        help="a short subset, for scripts/test")
    parser.add_argument("--seconds", type=float, default=15,
                        help="length of a measured load (15)")
    parser.add_argument("--json", default="build/stress.json",
                        help="where the figures are kept (build/stress.json)")
    parser.add_argument("--binaries", type=Path,
                        default=ROOT / "build/release/bin",
                        help="folder of elmo-server and elmo-client "
                        "(build/release/bin)")
    parser.add_argument("--model", type=Path,
                        help="package to serve (random weights with the "
                        "dimensions of the published\nsmall model; with "
                        "--quick the shipped one)")
    parser.add_argument("--server-cpus", type=cpu_list,
                        default=set(cpus[:half]), metavar="N,N,...",
                        help="where the server runs, a worker each (half)")
    parser.add_argument("--client-cpus", type=cpu_list,
                        default=set(cpus[half:] or cpus), metavar="N,N,...",
                        help="where the callers run (the other half)")
    options = parser.parse_args(arguments)
    for name in options.scenario:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}")
    if options.model is None:
        options.model = (ROOT / "models/elmo-en-small" if options.quick
                         else published_dimensions(options.binaries))
    return options


def _time_is_up(*_):
    raise TookTooLong


def run(function, context):
    """(checks, seconds) of one scenario, which ends in any case."""
    began = time.monotonic()
    # Again and again, should what is cleaned up hang as well.
    signal.setitimer(signal.ITIMER_REAL, SCENARIO_LIMIT, 60)
    try:
        checks = function(context)
    except TookTooLong:
        checks = [Check("ends", "not at all", f"<= {SCENARIO_LIMIT} s", False)]
    except RuntimeError as error:  # Of the server or a load, and says which.
        checks = [Check("goes on", str(error)[:100], "to the end", False)]
    except Exception as error:  # The next scenario may work.
        traceback.print_exc()
        checks = [Check("goes on", repr(error)[:100], "to the end", False)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        context.end_loads()
    return checks, time.monotonic() - began


def baseline(context):
    """What the pass lines are made of."""
    print(f"capacity {context.capacity:.0f} tokens/s; at 5 %: p99 "
          f"{context.calm['answered']['p99_ms']:.1f} ms")
    return []


def show(name, checks, seconds):
    print(f"\n{name} ({seconds:.0f} s; load average "
          f"{os.getloadavg()[0]:.1f})")
    for check in checks:
        verdict = "PASS" if check.ok else "FAIL"
        print(f"  {verdict}  {check.what:42} {check.measured:>14}  {check.line}")
    sys.stdout.flush()


def write_json(path, context, results):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(
        {"capacity_tokens_per_second": context.capacity,
         "calm": context.calm["answered"], "scenarios": results},
        indent=2) + "\n")


def main(arguments):
    options = parse(arguments)
    # As an exception, so that servers and loads are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = options.scenario or (QUICK if options.quick else list(SCENARIOS))
    directory = Path(tempfile.mkdtemp(prefix="elmo-stress."))
    settings = Settings(options.binaries, options.model, options.server_cpus,
                        options.client_cpus, options.quick,
                        2 if options.quick else options.seconds, directory)
    os.sched_setaffinity(0, settings.client_cpus)
    signal.signal(signal.SIGALRM, _time_is_up)
    context = Context(settings)
    print(f"server on CPU {sorted(settings.server_cpus)}, callers on "
          f"{sorted(settings.client_cpus)}; load average "
          f"{os.getloadavg()[0]:.1f}")
    results = []
    try:
        checks, seconds = run(baseline, context)
        if checks:  # Nothing can be measured then.
            show("baseline", checks, seconds)
            return 1
        for name in names:
            checks, seconds = run(SCENARIOS[name], context)
            show(name, checks, seconds)
            results.append({"scenario": name, "seconds": seconds,
                            "load_average": os.getloadavg()[0],
                            "checks": [vars(check) for check in checks]})
        write_json(options.json, context, results)
    finally:
        context.end_loads()
        shutil.rmtree(directory, ignore_errors=True)
    return tell_result(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
