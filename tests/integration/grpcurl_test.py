#!/usr/bin/python3
"""Runs the README's grpcurl session with the real grpcurl against the real
server, and compares every answer with what the README prints.

usage: grpcurl_test.py [--update] SERVER

--update writes the numbers of this run into the README: for a new model."""

import os
import sys

from readme_session import run_session
from served import ROOT, SKIPPED

TOOLS = ROOT / "build/tools/bin"
SHOWN = ["list", "describe", '"text"', '"tokens"', '"layers"', '"mix"',
         "FLOAT_LIST", "Health/Check", '"liveness"', '"readiness"',
         "ListModels", "GetModel", "Code: InvalidArgument"]


def main(arguments):
    if not (TOOLS / "grpcurl").exists():
        print("skipped: grpcurl is not built; scripts/test does that")
        return SKIPPED
    return run_session(
        arguments[-1], "README.md", ["## With grpcurl"], SHOWN,
        update="--update" in arguments, PATH=f"{TOOLS}:{os.environ['PATH']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
