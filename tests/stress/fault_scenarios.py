"""Scenarios of what operators and machines do to a server: signals, too little
memory, files that change under it."""

import os
import resource
import shutil
import signal
import subprocess
import time

import http2
from harness import Check, MB, at_least, at_most, equal
from hostile_scenarios import LONG


def sigterm(context):
    """SIGTERM while 64 requests wait: all are answered, the exit is clean."""
    with context.server() as server:
        load = context.load(server, "--capacity", "--in-flight", 64,
                            "--requests", 64, "--sentences", 20, "--duration",
                            60, "--verify-share", 0, "--connections", 8)
        time.sleep(0.5)  # Sent, and more than a second of work.
        server.signal(signal.SIGTERM)
        began = time.monotonic()
        code = server.process.wait(timeout=60)
        seconds = time.monotonic() - began
        result = load.result()
    return [equal("accepted requests answered", result["outcomes"]["ok"], 64),
            equal("exit code", code, 0),
            at_most("after", seconds, 10, " s")]


def sigkill(context):
    """SIGKILL under load, again and again: ready soon, nothing damaged."""
    times = 3 if context.settings.quick else 50
    slowest = 0
    for _ in range(times):
        with context.server() as server:
            slowest = max(slowest, server.start_seconds)
            load = context.load(server, "--capacity", "--duration", 60,
                                "--verify-share", 0)
            time.sleep(0.2)
            server.signal(signal.SIGKILL)
            server.process.wait()
            load.kill()
    settings = context.settings
    check = subprocess.run(
        [settings.binaries / "elmo-model", "check", settings.model],
        capture_output=True)
    return [at_most(f"slowest of {times} starts", slowest, 2, " s"),
            equal("elmo-model check", check.returncode, 0)]


def sigstop(context):
    """The process stands still for five seconds under load."""
    stopped = 2 if context.settings.quick else 5
    with context.server() as server:
        load = context.load(server, "--rate", context.rate(0.3), "--duration",
                            stopped + 4, "--warm-up", stopped + 3,
                            "--deadline", 1)
        # Not before the load has begun: its first second compares answers.
        time.sleep(2)
        server.signal(signal.SIGSTOP)
        time.sleep(stopped)
        server.signal(signal.SIGCONT)
        result = load.result()
        checks = context.calm_line(server, "p99 afterwards")
    return [equal("failed", result["outcomes"]["failed"], 0),
            equal("wrong bits", result["mismatches"], 0), *checks]


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
            connection = http2.Connection(server.connect(), window=0)
            connection.sock.sendall(http2.call(1, request))
            connections.append(connection)
        time.sleep(5)
        peak = server.peak_rss_mb() - steady
        alive = server.is_alive()
        for connection in connections:
            connection.close()
        checks = [equal("lives", alive, True)]
        if alive:
            checks.append(at_least(
                "capacity afterwards / before",
                context.measure_capacity(server) / capacity, 0.9))
    return [at_most("memory over the steady", peak, limit + buffers + 64,
                    " MB"), *checks]


def _with_model_copy(context, change):
    """A server whose model's file `change`s while it runs."""
    copy = context.settings.directory / f"model.{time.monotonic_ns()}"
    shutil.copytree(context.settings.model, copy)
    try:
        with context.server(model=copy) as server:
            load = context.load(server, "--rate", context.rate(0.3),
                                "--duration", 5, "--verify-share", 1)
            time.sleep(2.5)
            change(copy)
            result = load.result()
            alive = server.is_alive()
        return [equal("lives", alive, True),
                equal("not answered",
                      result["offered"] - result["outcomes"]["ok"], 0),
                equal("wrong bits", result["mismatches"], 0)], copy
    except RuntimeError as error:
        return [Check("lives", str(error)[:60], "True", False)], copy


def _refused(context, model):
    """Whether a new server refuses the damaged package with exit code 1."""
    settings = context.settings
    ended = subprocess.run(
        [settings.binaries / "elmo-server", "--model", model, "--listen",
         "127.0.0.1:0"], capture_output=True, timeout=60)
    return equal("exit code of a server that loads it", ended.returncode, 1)


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
    help_text = subprocess.run([context.settings.binaries / "elmo-server",
                                "--help"], capture_output=True, text=True)
    if "--tls-cert" not in help_text.stdout:
        return [Check("TLS", "this server has none", "SKIP", True)]
    import tls
    return tls.certificate_swap(context)


SCENARIOS = [sigterm, sigkill, sigstop, memory_limit, model_replaced,
             model_truncated, certificate_swap]
