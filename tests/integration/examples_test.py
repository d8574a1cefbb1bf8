#!/usr/bin/python3
"""Runs the session of examples/README.md, which generates code from proto/ and
calls the real server with it, and compares the answers.

usage: examples_test.py [--update] SERVER

--update writes the numbers of this run into the README: for a new model."""

import os
import shutil
import sys

from readme_session import run_session
from served import ROOT, SKIPPED

TOOLS = ROOT / "build/tools"
EXAMPLES = ["examples/python/bank.py", "examples/go/main.go"]
MOST_LINES = 40


def main(arguments):
    if not (TOOLS / "bin/protoc-gen-go-grpc").exists():
        print("skipped: protoc-gen-go is not built; scripts/test does that")
        return SKIPPED
    for name in EXAMPLES:
        lines = len((ROOT / name).read_text().splitlines())
        if lines > MOST_LINES:
            sys.exit(f"{name} has {lines} lines; limit is {MOST_LINES}")
    shutil.rmtree(ROOT / "build/examples", ignore_errors=True)
    return run_session(
        arguments[-1], "examples/README.md", ["## Python", "## Go"],
        ["bank.py", "go run"], update="--update" in arguments,
        PATH=f"{TOOLS}/bin:{os.environ['PATH']}", GOTOOLCHAIN="local",
        GOPATH=f"{TOOLS}/go", GOCACHE=f"{TOOLS}/go-build",
        GOFLAGS="-modcacherw -mod=readonly")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
