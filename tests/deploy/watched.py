"""A Prometheus that watches a running elmo-server, both as they are delivered."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from server import ROOT

START_LIMIT = 120  # Seconds; more is a program that hangs.
RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))


class QueryError(Exception):
    """Prometheus refused a query; the message is its own."""


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Prometheus:
    """Ended with the `with` block. `scrapes`: scrape configurations."""

    def __init__(self, scrapes):
        self.folder = Path(tempfile.mkdtemp(prefix="elmo-prometheus."))
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s",
                       "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in RULES],
            "scrape_configs": scrapes,
        }))
        for _ in range(5):  # Somebody else may take the port in between.
            self._start(free_port())
            if self._ready():
                return
            self.__exit__(keep=True)
        raise RuntimeError("prometheus did not start: "
                           + (self.folder / "log").read_text())

    def _start(self, port):
        self.url = f"http://127.0.0.1:{port}"
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml",
                 f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{port}"],
                stdout=log, stderr=log)

    def _ready(self):
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/-/ready", timeout=5):
                    return True
            except OSError:
                time.sleep(0.1)
        return False

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}",
                                        timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression):
        """The series of an instant query: a list of (labels, value)."""
        data = self.get("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(each["metric"], float(each["value"][1]))
                for each in data["result"]]

    def wait_for(self, expression):
        """Until the query has a result."""
        limit = time.monotonic() + START_LIMIT
        while not self.query(expression):
            if time.monotonic() > limit:
                raise RuntimeError(f"still nothing: {expression}")
            time.sleep(0.2)

    def __enter__(self):
        return self

    def __exit__(self, *exc, keep=False):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
