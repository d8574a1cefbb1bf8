"""Runs an image's root as a cluster would, and checks what docs/container.md
promises. scripts/image calls it, with a network and mounts of its own.

usage: image_check.py ROOT CONFIG  (CONFIG: of buildah inspect)"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MB = 1 << 20
MOST_MB = 140
# What who breaks in would like to find.
UNWANTED = ["sh", "bash", "dash", "busybox", "gcc", "g++", "cc", "ld", "apt",
            "dpkg", "perl", "python3"]
failures = []


def check(what, ok, found=""):
    print(f"  {'PASS' if ok else 'FAIL'}  {what:50} {found}")
    if not ok:
        failures.append(what)


def size_mb(root):
    return sum(path.lstat().st_size for path in root.rglob("*")
               if path.is_file() and not path.is_symlink()) / MB


def project_version():
    return re.search(r"project\([^)]*VERSION ([0-9.]+)",
                     (ROOT / "CMakeLists.txt").read_text())[1]


def inside(root, config, command, **variables):
    """What runs `command` in the image: with its user, so without capabilities
    and without a way to get one, and with its environment alone."""
    user = config["User"].split(":")[0]
    return ["setpriv", "--no-new-privs", "env", "-i", *config["Env"],
            *(f"{name}={value}" for name, value in variables.items()),
            "chroot", f"--userspec={user}:{user}", "--groups=", root, *command]


def run(*arguments, **variables):
    return subprocess.run(inside(*arguments, **variables), text=True,
                          capture_output=True, timeout=60)


def read_only(root, place):
    """The image's root, mounted at `place` so that nothing can be written."""
    place.mkdir()
    subprocess.run(["mount", "--bind", root, place], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", place / "proc"], check=True)
    return place


class Started:
    """The image's own command as process 1."""

    def __init__(self, root, config, log):
        self.log = log
        with open(log, "w") as out:
            self._unshare = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--kill-child",
                 *inside(root, config, config["Entrypoint"])],
                stdout=out, stderr=out)
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}"
                        "/children")
        while not (found := children.read_text().split()):
            time.sleep(0.01)
        self.pid = int(found[0])

    def status(self, key):
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.split(":", 1)[1].split() for line in lines
                    if line.startswith(key + ":"))

    def end(self, number):
        """The exit code, after the signal."""
        os.kill(self.pid, number)
        return self._unshare.wait(timeout=60)


def check_files(root, config):
    megabytes = size_mb(root)
    check(f"at most {MOST_MB} MB", megabytes <= MOST_MB, f"{megabytes:.0f} MB")
    there = [str(path) for path in root.rglob("*") if path.name in UNWANTED
             and path.is_file() and os.access(path, os.X_OK)]
    check("no shell, no compiler, no package manager", not there, str(there))
    labels = config["Labels"]
    check("labels", all(labels.get(f"org.opencontainers.image.{name}")
                        for name in ("title", "description", "revision")))
    check("labelled with the project's version",
          labels.get("org.opencontainers.image.version") == project_version(),
          str(labels.get("org.opencontainers.image.version")))
    check("not root", config["User"].split(":")[0] not in ("", "0", "root"),
          config["User"])
    check("stops on", config["StopSignal"] == "SIGTERM", config["StopSignal"])


def check_server(root, config, log):
    server = Started(root, config, log)
    client = ["/usr/bin/elmo-client"]
    ready = run(root, config, [*client, "health", "--wait", "--timeout", "30"])
    check("ready", ready.returncode == 0, ready.stderr.strip())
    how, *probe = config.get("Healthcheck", {}).get("Test", ["NONE"])
    check("has a HEALTHCHECK without a shell", how == "CMD", how)
    probed = run(root, config, probe or ["/none"])
    check("which says so too", probed.returncode == 0, probed.stderr.strip())
    check("runs as", server.status("Uid") == [config["User"].split(":")[0]] * 4,
          server.status("Uid")[0])
    check("has no capability", int(server.status("CapEff")[0], 16) == 0)
    embed = subprocess.run(
        inside(root, config, [*client, "embed", "--pooling", "mean"]),
        input="The bank was closed.\n", text=True, capture_output=True,
        timeout=60)
    answer = json.loads(embed.stdout or "{}")
    options = json.loads(
        (ROOT / "models/elmo-en-small/options.json").read_text())
    dim = 2 * options["lstm"]["projection_dim"]
    check("answers", answer.get("shape") == [dim],
          embed.stderr.strip() or str(answer.get("shape")))
    code = server.end(signal.SIGTERM)
    check("ends on SIGTERM with", code == 0, str(code))
    gone = run(root, config, probe or ["/none"])
    check("then HEALTHCHECK fails", gone.returncode == 1, str(gone.returncode))


def check_volume(root, config):
    """What is mounted at the model's place is what is served: nothing, then a
    package."""
    place = root / "models/elmo"
    start = [*config["Entrypoint"], "--check"]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    result = run(root, config, start)
    check("an empty volume hides the model", result.returncode == 1,
          (result.stdout + result.stderr).strip()[-60:])
    subprocess.run(["mount", "--bind", ROOT / "models/elmo-en-small", place],
                   check=True)
    result = run(root, config, start)
    check("a volume's package is served", result.returncode == 0,
          result.stderr.strip()[-60:])


def main(arguments):
    image, config = Path(arguments[0]), json.loads(Path(arguments[1]).read_text())
    config = config["OCIv1"]["config"] | config["Docker"]["config"]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    check_files(image, config)
    root = read_only(image, Path("/mnt/root"))
    check("the root cannot be written",
          subprocess.run(["touch", root / "x"], capture_output=True
                         ).returncode != 0)
    check_server(root, config, Path("/mnt/log"))
    check_volume(root, config)
    if failures:
        print(Path("/mnt/log").read_text())
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
