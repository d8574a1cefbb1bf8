"""Servers as in a cluster: each in a network namespace of its own with its own
address, on a bridge whose own address is the callers'. Runs where scripts/
scale-out has made a network and mounts that nobody else sees."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stress"))

from harness import ROOT, Load, wait_until  # noqa: E402

CALLERS = "10.77.0.1"
NAME = "elmo.test"
PORT, METRICS_PORT = 50051, 9464
PERIOD = 20000  # Microseconds in which a quota of CPU time is given out.


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True)


def make_network(directory):
    """The bridge, and a resolver that asks us."""
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
    ip("link", "set", "lo", "up")
    ip("link", "add", "bridge", "type", "bridge")
    ip("addr", "add", f"{CALLERS}/24", "dev", "bridge")
    ip("link", "set", "bridge", "up")
    resolver = directory / "resolv.conf"
    resolver.write_text(f"nameserver {CALLERS}\noptions ndots:0\n")
    subprocess.run(["mount", "--bind", resolver,
                    os.path.realpath("/etc/resolv.conf")], check=True)


class Quota:
    """A control group that gets so many CPUs' time."""

    def __init__(self, name, cpus):
        first = Path("/sys/fs/cgroup/cpu")  # Version 1; else 2.
        root = first if first.is_dir() else Path("/sys/fs/cgroup")
        self.group = root / f"elmo-scale-out.{os.getpid()}.{name}"
        self.group.mkdir()
        quota = int(PERIOD * cpus)
        if root == first:
            (self.group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self.group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self.group / "cpu.max").write_text(f"{quota} {PERIOD}")

    def enter(self):
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        try:
            self.group.rmdir()
        except OSError:
            pass  # Its process is still being buried.


class Node:
    """A place for a server: `address`, and `cpus` of CPU time."""

    def __init__(self, settings, number, cpus):
        self.settings = settings
        self.space = f"node{number}"
        self.address = f"10.77.0.{10 + number}"
        self.process = None
        self.quota = Quota(self.space, cpus)
        link = f"link{number}"
        ip("netns", "add", self.space)
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0",
           "netns", self.space)
        ip("link", "set", link, "master", "bridge", "up")
        ip("-n", self.space, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.space, "link", "set", "eth0", "up")
        ip("-n", self.space, "link", "set", "lo", "up")

    def start(self, *flags):
        """Starts a server here; returns when it is ready."""
        port_file = self.settings.directory / f"port.{time.monotonic_ns()}"
        log = self.settings.directory / f"{self.space}.log"
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.space,
                 self.settings.binaries / "elmo-server", "--model",
                 self.settings.model, "--listen", f"0.0.0.0:{PORT}",
                 "--metrics-listen", f"0.0.0.0:{METRICS_PORT}", "--port-file",
                 port_file, "--workers", "1", *map(str, flags)],
                stderr=out, preexec_fn=self.quota.enter)
        if not wait_until(lambda: port_file.exists() or not self.is_alive(), 60
                          ) or not self.is_alive():
            raise RuntimeError(f"elmo-server on {self.space}: "
                               f"{log.read_text(errors='replace')[-300:]}")
        return self

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def kill(self):
        if self.is_alive():
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.kill()
        self.quota.remove()

    def sentences(self):
        """Answered so far; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(
                    f"http://{self.address}:{METRICS_PORT}/metrics",
                    timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0
        return sum(float(line.split()[-1]) for line in lines
                   if line.split("{")[0].split(" ")[0] ==
                   "elmo_sentences_total")

    def rss_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line, = [l for l in status.splitlines() if l.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024


class Cluster:
    """Nodes behind one name. The name leads to the nodes in `ready`."""

    def __init__(self, settings, names, cpus):
        self.settings, self.names, self.cpus = settings, names, cpus
        self.nodes, self.ready, self.loads = [], [], []
        self.address = f"dns:///{NAME}:{PORT}"  # For Load.

    def node(self):
        self.nodes.append(Node(self.settings, len(self.nodes), self.cpus))
        return self.nodes[-1]

    def publish(self, nodes):
        self.ready = list(nodes)
        self.names.set(node.address for node in self.ready)

    def load(self, *flags):
        self.loads.append(Load(self.settings, self, "--connections", 6,
                               "--sentences", 4, *flags))
        return self.loads[-1]

    def end(self):
        """Ends what a scenario started. Its nodes stay for the next."""
        for load in self.loads:
            if load.process.poll() is None:
                load.kill()
        for node in self.nodes:
            node.kill()
        self.loads.clear()

    def remove(self):
        self.end()
        for node in self.nodes:
            node.remove()


__all__ = ["ROOT", "CALLERS", "Cluster", "make_network", "wait_until"]
