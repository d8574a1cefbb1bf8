#!/usr/bin/python3
"""scripts/run as a user meets it: what it prints, the lines that it says to try
next, the end by Ctrl-C with calls under way, and a server that cannot start.

usage: run_script_test.py SERVER"""

import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from served import ROOT, SKIPPED

try:
    import grpc
except ImportError:
    grpc = None

TOOLS = ROOT / "build/tools/bin"
LONG_CALLS = 12  # About a second and a half of two processors.
SENTENCES, WORDS = 8, 512


def _field(number, content):
    """A field of a protocol buffers message that holds bytes."""
    size, length = len(content), []
    while True:
        length.append(size & 127 | (128 if size > 127 else 0))
        size >>= 7
        if size == 0:
            return bytes([number << 3 | 2, *length]) + content


def _long_request():
    """An EmbedRequest of sentences with text, each to one vector."""
    text = _field(1, b" ".join([b"bank"] * WORDS))
    mean = b"\x18\x01"  # OutputSpec.pooling, field 3, is MEAN, 1.
    return _field(2, text) * SENTENCES + _field(3, mean)


class Run:
    """scripts/run in a session of its own, so that a signal can go to all of
    it as a terminal sends Ctrl-C, and to nobody else."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(
            [ROOT / "scripts/run", *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"})

    def read_until(self, last):
        lines = []
        for line in self._process.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] == last:
                return lines
        raise AssertionError("scripts/run ended:\n" + "\n".join(lines))

    def press_ctrl_c(self):
        os.killpg(self._process.pid, signal.SIGINT)

    def wait(self):
        rest = self._process.stdout.read()
        return self._process.wait(timeout=120), rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._process.stdout.close()


def _address(lines):
    ready = next(line for line in lines if line.startswith("Ready on "))
    return ready[len("Ready on "):]


class RunScriptTest(unittest.TestCase):
    def test_what_it_says_to_try_next_works_as_printed(self):
        with Run("--port", "0") as run:
            lines = run.read_until("Serving. Ctrl-C stops.")
            self.assertIn('"bank": 8 uses in 8 sentences', lines)
            self.assertIn("Found alike in layer 2, each the other's nearest",
                          lines)
            first = lines.index("Try next, in another terminal:") + 2
            block = "\n".join(lines[first:lines.index("", first)])
            calls = block.index("  grpcurl ")
            if not (TOOLS / "grpcurl").exists():
                block = block[:calls]
            tried = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block], cwd=ROOT, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"})
            self.assertEqual(tried.returncode, 0, tried.stdout)
            for part in ["Model elmo-en-small (the default)", "token_index",
                         '"light": 2 uses in 2 sentences']:
                self.assertIn(part, tried.stdout)
            if (TOOLS / "grpcurl").exists():
                self.assertIn('"values": [', tried.stdout)
            run.press_ctrl_c()
            self.assertEqual(run.wait()[0], 130)

    @unittest.skipIf(grpc is None, "python3-grpcio is not installed")
    def test_ctrl_c_finishes_what_was_accepted(self):
        with Run("--port", "0") as run:
            address = _address(run.read_until("Serving. Ctrl-C stops."))
            channel = grpc.insecure_channel(
                address, options=[("grpc.enable_retries", 0)])
            embed = channel.unary_unary("/elmo.v1.EmbeddingService/Embed")
            calls = [embed.future(_long_request(), timeout=120)
                     for _ in range(LONG_CALLS)]
            calls[0].result()  # So the others have been sent.
            run.press_ctrl_c()
            answered = 0
            for call in calls[1:]:
                if call.exception() is None:
                    answered += 1
                    continue
                # Refused, which has a trailer, or else dropped.
                trailers = dict(call.trailing_metadata() or ())
                self.assertIn("grpc-retry-pushback-ms", trailers,
                              call.details())
            self.assertGreater(answered, 0)
            self.assertEqual(run.wait()[0], 130)

    def test_only_a_taken_port_is_called_taken(self):
        model = "models/elmo-en-small"
        with Run("--once", "--model", f"{model},{model}") as run:
            code, output = run.wait()
        self.assertEqual(code, 1)
        self.assertIn('two models are named "elmo-en-small"', output)
        self.assertNotIn("taken", output)

    def test_wrong_arguments_are_named(self):
        for arguments, message in [
                (["--ones"], "unknown argument: --ones"),
                (["--port"], "--port needs a number"),
                (["--model"], "--model needs a folder")]:
            with Run(*arguments) as run:
                code, output = run.wait()
            self.assertEqual(code, 2)
            self.assertIn(message, output)


if __name__ == "__main__":
    if Path(sys.argv.pop()) != ROOT / "build/release/bin/elmo-server":
        print("skipped: scripts/run serves what is in build/release")
        sys.exit(SKIPPED)
    unittest.main()
