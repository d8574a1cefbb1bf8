"""The real elmo-server as a process, for tests written in Python."""

import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77  # The exit code by which ctest knows a test that could not run.


class Served:
    """elmo-server with the shipped model on a free port of 127.0.0.1, for the
    length of a `with` block. Ends it by SIGTERM, and checks how it ended."""

    def __init__(self, program, *flags):
        self._directory = tempfile.TemporaryDirectory(prefix="elmo-test.")
        port_file = Path(self._directory.name) / "port"
        self._log = open(Path(self._directory.name) / "log", "w+")
        self._process = subprocess.Popen(
            [program, "--model", ROOT / "models/elmo-en-small", "--listen",
             "127.0.0.1:0", "--port-file", port_file, *flags],
            stderr=self._log)
        end = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text()):
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                self._process.wait()
                raise RuntimeError(f"elmo-server did not start: {self.log()}")
            time.sleep(0.01)
        self.address = f"127.0.0.1:{int(port_file.read_text())}"

    def log(self):
        self._log.seek(0)
        return self._log.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=60)
        log = self.log()
        self._log.close()
        self._directory.cleanup()
        if kind is None and code != 0:
            raise RuntimeError(f"elmo-server ended with {code}: {log}")
