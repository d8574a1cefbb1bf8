"""Scenarios of what operators and machines do to a server: signals, too little
memory, files that change under it."""

import os
import resource
import shutil
import signal
import struct
import subprocess
import threading
import time

import http2
import tls
from harness import (START_LIMIT, Check, MB, at_least, at_most, deadline_of,
                     equal, ratio, same_bits, wait_until)
from hostile_scenarios import LONG


def sigterm(context):
    """SIGTERM while 64 requests wait: all are answered, the exit is clean."""
    # The time depends on the machine; so long it may take at all.
    limit = 30 if context.settings.quick else 10
    sentences = 30 if context.settings.quick else 8  # Another model.
    with context.server(metrics=True) as server:
        load = context.load(server, "--capacity", "--in-flight", 64,
                            "--requests", 64, "--sentences", sentences,
                            "--duration", 60, "--verify-share", 0,
                            "--connections", 8)
        # Two seconds of work and more, which take a fraction of it to send.
        arrived = wait_until(
            lambda: server.metric("elmo_sentences_total") >= 64 * sentences, 30)
        waiting = server.metric("elmo_calls_open")
        server.signal(signal.SIGTERM)
        began = time.monotonic()
        ended = wait_until(lambda: not server.is_alive(), 60)
        seconds = time.monotonic() - began
        code = server.process.returncode if ended else "still runs"
        if not ended:
            server.process.kill()
        result = load.result()
    return [equal("64 requests arrived", arrived, True),
            at_least("not yet answered at the signal", waiting, 1),
            equal("accepted requests answered", result["outcomes"]["ok"], 64),
            equal("exit code", code, 0),
            at_most("after", seconds, limit, " s")]


def sigkill(context):
    """SIGKILL under load, again and again: ready soon, nothing damaged."""
    quick = context.settings.quick
    times = 3 if quick else 50
    slowest = slowest_cpu = 0
    for _ in range(times):
        with context.server() as server:
            slowest = max(slowest, server.start_seconds)
            slowest_cpu = max(slowest_cpu, server.start_cpu_seconds)
            load = context.load(server, "--capacity", "--duration", 60,
                                "--verify-share", 0)
            time.sleep(0.2)
            server.signal(signal.SIGKILL)
            server.process.wait()
            load.kill()
    settings = context.settings
    check = subprocess.run(
        [settings.binaries / "elmo-model", "check", settings.model],
        capture_output=True, timeout=60)
    # Where other work may hold the CPU, what it took of one is what counts.
    return [at_most(f"slowest of {times} starts", slowest,
                    START_LIMIT if quick else 2, " s"),
            at_most("CPU time of a start", slowest_cpu, 2, " s"),
            equal("elmo-model check", check.returncode, 0)]


def sigstop(context):
    """The process stands still for five seconds under load."""
    stopped = 2 if context.settings.quick else 5
    with context.server() as server:
        load = context.load(server, "--rate", context.rate(0.3), "--duration",
                            stopped + 4, "--warm-up", stopped + 3,
                            "--deadline", 1, "--verify-share", 0.1)
        # Not before the load has begun: its first second compares answers.
        time.sleep(2)
        server.signal(signal.SIGSTOP)
        time.sleep(stopped)
        server.signal(signal.SIGCONT)
        result = load.result()
        checks = context.calm_line(server, "p99 afterwards")
    return [equal("failed", result["outcomes"]["failed"], 0),
            same_bits(result), *checks]


class _HalfACpu:
    """Lets the server run half of the time, in the periods of the kernel's
    own CPU quota (50 of 100 ms), which needs rights over cgroups."""

    def __init__(self, server):
        self.server = server
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stop.is_set():
            self.server.signal(signal.SIGSTOP)
            self.stop.wait(0.05)
            self.server.signal(signal.SIGCONT)
            self.stop.wait(0.05)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join()


def cpu_cap(context):
    """The server gets half of its CPU time, as with a quota in a container."""
    seconds = context.settings.seconds
    with context.server() as server:
        full = context.measure_capacity(server)
        with _HalfACpu(server):
            half = context.measure_capacity(server)
            calm = context.bench(
                server, "--rate", context.rate(0.5, capacity=half),
                "--duration", seconds, "--deadline", 2, "--verify-share", 0.1)
            deadline = deadline_of(half)
            much = context.bench(
                server, "--rate", context.rate(1.5, capacity=half),
                "--duration", seconds + deadline, "--warm-up", deadline,
                "--deadline", deadline)
        after = context.measure_capacity(server)
    outcomes = much["outcomes"]
    return [at_least("capacity / without the cap", ratio(half, full), 0.4),
            equal("at 50 % of it: not answered",
                  calm["offered"] - calm["outcomes"]["ok"], 0),
            at_least("at 150 %: accepted that met their deadline",
                     ratio(outcomes["ok"] - much["late"],
                           outcomes["ok"] + outcomes["expired"]), 0.99),
            at_least("at 150 %: goodput / capacity",
                     ratio(much["goodput_tokens_per_second"], half), 0.8),
            same_bits(calm, much),
            at_least("capacity afterwards / before", ratio(after, full), 0.9)]


_SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

// The clock that people set, so many seconds off; the steady ones as they are.
static long offset(void) {
  static volatile long* file;
  if (file == NULL) {
    int fd = open(getenv("SHIFT_FILE"), O_RDONLY);
    file = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
  }
  return *file;
}
int clock_gettime(clockid_t clock, struct timespec* time) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += offset();
  return result;
}
int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t* result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}
"""


def clock_shift(context):
    """The machine's clock is set an hour forward and back under load. Setting
    the real one is no test's business, so a library in front of libc's shows
    the server another."""
    directory = context.settings.directory
    source, library, file = (directory / name
                             for name in ("shift.c", "shift.so", "shift"))
    source.write_text(_SHIFT)
    file.write_bytes(struct.pack("q", 0))
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source,
                    "-ldl"], check=True, capture_output=True)
    variables = {"LD_PRELOAD": str(library), "SHIFT_FILE": str(file)}
    os.environ.update(variables)
    try:
        with context.server() as server:
            for name in variables:
                os.environ.pop(name)  # For the server alone.
            load = context.load(server, "--rate", context.rate(0.3),
                                "--duration", 8, "--deadline", 1,
                                "--verify-share", 0.1)
            for hours in (0, 1, -1, 0):
                with open(file, "r+b") as shift:
                    shift.write(struct.pack("q", hours * 3600))
                time.sleep(2)
            result = load.result()
            checks = context.calm_line(server, "p99 afterwards")
    finally:
        for name in variables:
            os.environ.pop(name, None)
    return [equal("not answered",
                  result["offered"] - result["outcomes"]["ok"], 0),
            at_most("answered late", result["late"], 0),
            same_bits(result), *checks]


def memory_limit(context):
    """Hundreds of the largest requests, more than the memory allowed."""
    limit, buffers = 256, 128
    flags = ("--max-bytes-in-flight", f"{limit}mb", "--max-buffer-bytes",
             f"{buffers}mb")
    with context.server(*flags) as server:
        capacity = context.measure_capacity(server)
        steady = server.rss_mb()
        # What a container would do at the edge, without its rights: no more
        # address space than was promised.
        room = (limit + buffers + 256) * MB
        resource.prlimit(server.process.pid, resource.RLIMIT_AS,
                         (server.virtual_bytes() + room,) * 2)
        request = http2.embed_request(LONG, layers=True)
        connections = []
        for _ in range(20 if context.settings.quick else 200):
            try:
                connection = http2.Connection(server.connect(), window=0)
                connections.append(connection)
                connection.sock.sendall(http2.call(1, request))
            except OSError:
                pass  # Refused or closed, as it may.
        time.sleep(5)
        peak = server.peak_rss_mb() - steady
        alive = server.is_alive()
        for connection in connections:
            connection.close()
        checks = [equal("lives", alive, True)]
        if alive:
            checks.append(at_least(
                "capacity afterwards / before",
                ratio(context.measure_capacity(server), capacity), 0.9))
    return [at_most("memory over the steady", peak, limit + buffers + 64,
                    " MB"), *checks]


def _with_model_copy(context, change):
    """A server whose model's file `change`s while it runs."""
    copy = context.settings.directory / f"model.{time.monotonic_ns()}"
    shutil.copytree(context.settings.model, copy)
    try:
        with context.server(model=copy, metrics=True) as server:
            load = context.load(server, "--rate", context.rate(0.3),
                                "--duration", 5, "--verify-share", 1,
                                "--distinct", 64)
            # Not before the answers to compare with are there.
            begun = wait_until(
                lambda: server.metric("elmo_sentences_total") >= 64 + 20, 60)
            before = server.metric("elmo_sentences_total")
            change(copy)
            result = load.result()
            alive = server.is_alive()
            after = server.metric("elmo_sentences_total") - before
        return [equal("lives", alive, True),
                equal("begun before the change", begun, True),
                at_least("requests after the change", after, 20),
                equal("not answered",
                      result["offered"] - result["outcomes"]["ok"], 0),
                same_bits(result)], copy
    except RuntimeError as error:
        return [Check("lives", str(error)[:60], "True", False)], copy


def _refused(context, model):
    """Whether a new server refuses the damaged package with exit code 1."""
    settings = context.settings
    try:
        code = subprocess.run(
            [settings.binaries / "elmo-server", "--model", model, "--listen",
             "127.0.0.1:0"], capture_output=True, timeout=60).returncode
    except subprocess.TimeoutExpired:
        code = "serves"
    return equal("exit code of a server that loads it", code, 1)


def model_replaced(context):
    """Another file takes the place of the model's while it is served."""

    def replace(directory):
        weights = directory / "model.safetensors"
        other = directory / "other"
        data = bytearray(weights.read_bytes())
        data[-1000] ^= 0x40
        other.write_bytes(data)
        os.replace(other, weights)

    checks, copy = _with_model_copy(context, replace)
    return [*checks, _refused(context, copy)]


def model_truncated(context):
    """The model's file is cut in half, and then overwritten, in its place."""

    def truncate(directory):
        weights = directory / "model.safetensors"
        size = weights.stat().st_size
        os.truncate(weights, size // 2)
        with open(weights, "r+b") as file:
            file.write(b"\0" * 4096)

    checks, copy = _with_model_copy(context, truncate)
    return [*checks, _refused(context, copy)]


def certificate_swap(context):
    """The certificate is replaced under load: no call fails, new connections
    see the new one; a pair that does not match is not taken."""
    return tls.certificate_swap(context)


SCENARIOS = [sigterm, sigkill, sigstop, cpu_cap, clock_shift, memory_limit,
             model_replaced, model_truncated, certificate_swap]
