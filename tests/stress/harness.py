"""What every scenario uses: the server as a process, the load generator, and
figures of a process from /proc."""

import json
import math
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MB = 1 << 20
START_LIMIT = 60  # Seconds; more is a server that hangs.
SENTENCES = 4  # In a request, unless a scenario says otherwise.
LOAD_LIMIT = 150  # More than its duration: a load that hangs.


@dataclass
class Check:
    """One pass line: what was measured and what it must be."""

    what: str
    measured: str
    line: str
    ok: bool


def at_most(what, value, limit, unit=""):
    return Check(what, f"{value:.4g}{unit}", f"<= {limit:.4g}{unit}",
                 value <= limit)


def at_least(what, value, limit, unit=""):
    return Check(what, f"{value:.4g}{unit}", f">= {limit:.4g}{unit}",
                 value >= limit)


def equal(what, value, expected):
    return Check(what, str(value), f"= {expected}", value == expected)


def ratio(value, base):
    """NaN, with which every line is missed, where there is nothing to compare
    with."""
    return value / base if base else math.nan


def deadline_of(capacity):
    """Seconds: the time of three full batches, so that it takes no luck to meet
    it, and a server that queues too much does not."""
    return max(1, math.ceil(3 * 2048 / capacity))


def same_bits(*loads, what="wrong bits"):
    """Of the answers under load that were compared; some must have been."""
    wrong = sum(load["mismatches"] for load in loads)
    compared = sum(load["verified"] for load in loads)
    return Check(what, f"{wrong} of {compared}", "= 0 of 1 or more",
                 wrong == 0 and compared > 0)


def tell_result(results):
    """Prints how many scenarios passed, and which did not. An exit code."""
    failed = [result["scenario"] for result in results
              if not all(check["ok"] for check in result["checks"])]
    print(f"\n{len(results) - len(failed)} of {len(results)} scenarios passed"
          + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


class TookTooLong(BaseException):
    """A scenario's time is up. No Exception, so that no code that expects
    errors of the network takes it for one."""


@dataclass
class Settings:
    """How the run was asked for."""

    binaries: Path
    model: Path
    server_cpus: set
    client_cpus: set
    quick: bool = False
    seconds: float = 15  # Length of one measured load.
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))


class Server:
    """elmo-server on a free port; ended with the `with` block."""

    def __init__(self, settings, *flags, model=None, limits=None,
                 metrics=False):
        self.settings = settings
        name = time.monotonic_ns()
        self.port_file = settings.directory / f"port.{name}"
        self.log = open(settings.directory / f"server.{name}.log", "ab")
        self.metrics_file = settings.directory / f"metrics.{name}"
        if metrics:
            flags += ("--metrics-listen", "127.0.0.1:0", "--metrics-port-file",
                      self.metrics_file)
        workers = str(len(settings.server_cpus))

        def prepare():
            os.sched_setaffinity(0, settings.server_cpus)
            for which, value in (limits or {}).items():
                resource.setrlimit(which, (value, value))

        began = time.monotonic()
        self.process = subprocess.Popen(
            [settings.binaries / "elmo-server", "--model",
             model or settings.model, "--listen", "127.0.0.1:0", "--port-file",
             self.port_file, "--workers", workers, *flags],
            stderr=self.log, preexec_fn=prepare)
        try:
            self._await_start(began)
        except BaseException:
            self.__exit__()
            raise
        self.port = int(self.port_file.read_text())
        self.address = f"127.0.0.1:{self.port}"

    def _await_start(self, began):
        while not (self.port_file.exists() and self.port_file.read_text()):
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"elmo-server ended with {self.process.returncode}: "
                    f"{self.last_words()}")
            if time.monotonic() - began > START_LIMIT:
                raise RuntimeError(f"elmo-server not ready in {START_LIMIT} s")
            time.sleep(0.005)
        self.start_seconds = time.monotonic() - began
        # What it took of a CPU: the same whatever else the machine does.
        self.start_cpu_seconds = self.cpu_seconds()

    def last_words(self):
        lines = Path(self.log.name).read_text(errors="replace").splitlines()
        return lines[-1] if lines else "no log"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.log.close()
        self.port_file.unlink(missing_ok=True)

    def is_alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def _proc(self, name):
        """The file's text; empty where the process has ended."""
        try:
            return Path(f"/proc/{self.process.pid}/{name}").read_text()
        except OSError:
            return ""

    def _status(self, key):
        for line in self._proc("status").splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        return math.nan  # It has ended: misses every line.

    def cpu_seconds(self):
        fields = self._proc("stat").rpartition(")")[2].split()
        return (sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
                if fields else math.nan)

    def metric(self, name):
        """The sum of the metric's series; NaN where it cannot be read. For
        servers with `metrics`."""
        try:
            url = f"http://127.0.0.1:{self.metrics_file.read_text().strip()}"
            with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, ValueError):
            return math.nan
        found = [float(line.split()[-1]) for line in lines
                 if line.split("{")[0].split(" ")[0] == name]
        return sum(found) if found else math.nan

    def rss_mb(self):
        return self._status("VmRSS") / 1024

    def peak_rss_mb(self):
        return self._status("VmHWM") / 1024

    def virtual_bytes(self):
        return self._status("VmSize") * 1024

    def fds(self):
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except OSError:
            return math.nan

    def connect(self, timeout=60, source="127.0.0.1"):
        """A connection that comes from this address of the machine."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout,
                                        (source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class Load:
    """elmo-client bench in the background."""

    def __init__(self, settings, server, *flags):
        self.json = settings.directory / f"bench.{time.monotonic_ns()}.json"
        self.limit = LOAD_LIMIT + (
            float(flags[flags.index("--duration") + 1])
            if "--duration" in flags else 10)
        self.process = subprocess.Popen(
            [settings.binaries / "elmo-client", "bench", "--server",
             server.address, "--json", self.json, "--quiet",
             *[str(flag) for flag in flags]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, settings.client_cpus))

    def result(self):
        """The load's JSON. A run that found a wrong answer has it too."""
        try:
            output, _ = self.process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(
                f"elmo-client bench hung for {self.limit:.0f} s") from None
        if not self.json.exists():
            raise RuntimeError(f"elmo-client bench failed: {output.strip()}")
        return json.loads(self.json.read_text())

    def kill(self):
        self.process.kill()
        self.process.communicate()


def wait_until(condition, seconds):
    """Whether the condition came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Context:
    """What one run of scenarios shares: settings, and the figures that the
    pass lines are made of, measured in the same run."""

    def __init__(self, settings):
        self.settings = settings
        self._capacity = None
        self._calm = None
        self._loads = []

    def server(self, *flags, **kwargs):
        return Server(self.settings, *flags, **kwargs)

    def bench(self, server, *flags):
        return self.load(server, *flags).result()

    def load(self, server, *flags):
        if "--sentences" not in flags:
            flags += ("--sentences", SENTENCES)
        self._loads.append(Load(self.settings, server, *flags))
        return self._loads[-1]

    def end_loads(self):
        """Ends those that a scenario which broke off has left."""
        for load in self._loads:
            if load.process.poll() is None:
                load.kill()
        self._loads.clear()

    def measure_capacity(self, server, seconds=None):
        """Tokens and requests a second of this server, a closed loop."""
        seconds = seconds or self.settings.seconds / 2
        result = self.bench(server, "--capacity", "--duration", seconds + 1,
                            "--warm-up", 1, "--verify-share", 0)
        return result["goodput_tokens_per_second"]

    @property
    def capacity(self):
        """Tokens a second of a server that does nothing else."""
        if self._capacity is None:
            with self.server() as server:
                self._capacity = self.measure_capacity(server)
        return self._capacity

    @property
    def deadline(self):
        """Of a server that does nothing else; see deadline_of."""
        return deadline_of(self.capacity)

    @property
    def calm(self):
        """The result of a load of 5 % of the capacity: the baseline."""
        if self._calm is None:
            rate = self.rate(0.05)
            with self.server() as server:
                self._calm = self.bench(
                    server, "--rate", rate, "--duration",
                    self.settings.seconds, "--distinct", 128)
        return self._calm

    def rate(self, share, tokens=20, capacity=None):
        """Requests a second that offer this share of the capacity, which is
        the run's unless given, in sentences of so many tokens."""
        return share * (capacity or self.capacity) / (SENTENCES * tokens)

    def calm_line(self, server, what, times=2.0, share=0.05, seconds=None):
        """A check that a light load's p99 is at most `times` the baseline's."""
        result = self.bench(
            server, "--rate", self.rate(share), "--duration",
            seconds or self.settings.seconds / 2, "--warm-up", 0.5,
            "--distinct", 64, "--verify-share", 1)
        checks = [at_most(what, result["answered"]["p99_ms"],
                          times * self.calm["answered"]["p99_ms"], " ms")]
        checks.append(equal("all of them answered", result["outcomes"]["ok"],
                            result["offered"]))
        checks.append(same_bits(result))
        return checks
