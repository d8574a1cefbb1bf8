"""elmo-server and elmo-client as they were built, for the tests of deploy/."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("ELMO_BINARIES", ROOT / "build/release/bin"))
MODEL = ROOT / "models/elmo-en-small"
START_LIMIT = 120  # Seconds; more is a server that hangs.


def flags():
    """The server's flags: name -> whether it takes a value."""
    text = subprocess.run([BINARIES / "elmo-server", "--help"],
                          capture_output=True, text=True, check=True).stdout
    return {match[1]: match[2] is not None for match in re.finditer(
        r"^  --([a-z0-9-]+)(?:,--no-\S+)?( (?:TEXT|INT|TIME|SIZE|FILE))?",
        text, re.MULTILINE)}


def check(arguments, environment=None):
    """What `elmo-server --check` says of a command line: (exit code, text)."""
    done = subprocess.run(
        [BINARIES / "elmo-server", *arguments, "--check"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})}, timeout=START_LIMIT)
    return done.returncode, done.stdout


def make_secrets(folder):
    """What secrets would hold: a certificate for 127.0.0.1 that is its own
    authority, its key, tokens, and what a caller has, in `folder` as the chart
    mounts them under /etc/elmo."""
    for name in ("tls", "client-ca", "auth", "caller"):
        (folder / name).mkdir(parents=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
         "/CN=elmo.test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "tls/tls.key", "-out",
         folder / "tls/tls.crt"], check=True, capture_output=True)
    for name in ("client-ca/ca.crt", "caller/ca.crt", "caller/tls.crt"):
        shutil.copy(folder / "tls/tls.crt", folder / name)
    shutil.copy(folder / "tls/tls.key", folder / "caller/tls.key")
    for name in ("auth/tokens", "auth/callers.txt", "caller/token"):
        (folder / name).write_text("0123456789abcdef" * 4 + "\n")


class Server:
    """elmo-server on free ports; ended with the `with` block."""

    def __init__(self, *arguments, name="elmo"):
        self.folder = Path(tempfile.mkdtemp(prefix="elmo-deploy."))
        ports = self.folder / "port", self.folder / "metrics"
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [BINARIES / "elmo-server", f"--model={name}={MODEL}",
             "--listen=127.0.0.1:0", f"--port-file={ports[0]}",
             "--metrics-listen=127.0.0.1:0", f"--metrics-port-file={ports[1]}",
             *arguments], stderr=self.log)
        try:
            self.port, self.metrics_port = (self._port(file) for file in ports)
        except BaseException:
            self.__exit__()
            raise
        self.address = f"127.0.0.1:{self.port}"
        self.metrics = f"127.0.0.1:{self.metrics_port}"

    def _port(self, file):
        limit = time.monotonic() + START_LIMIT
        while not (file.exists() and file.read_text()):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("elmo-server did not start: "
                                   + (self.folder / "log").read_text())
            time.sleep(0.01)
        return int(file.read_text())

    def client(self, *arguments, text=None):
        return subprocess.run(
            [BINARIES / "elmo-client", "--server", self.address, *arguments],
            input=text, text=True, capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
