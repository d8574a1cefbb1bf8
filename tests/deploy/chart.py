"""The chart, rendered by helm.

    chart.py          writes deploy/kubernetes anew
    chart.py --print  prints what every values file renders to, tests included
"""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/elmo-serving"
HELM = ROOT / "build/tools/bin/helm"
KUBERNETES = "1.27.16"  # The oldest that the chart allows.
MANIFESTS = {
    ROOT / "deploy/kubernetes/elmo-serving.yaml": CHART / "ci/default-values.yaml",
    ROOT / "deploy/kubernetes/elmo-serving-secure.yaml":
        CHART / "ci/secure-values.yaml",
}


class ChartError(Exception):
    """helm refused to render; the message is its own."""


def render_text(*arguments, values=None):
    """`values`: a file, or a dictionary."""
    command = [HELM, "template", "elmo", CHART, "--namespace", "elmo",
               "--kube-version", KUBERNETES, *arguments]
    text = None
    if values is not None:
        command += ["-f", "-" if isinstance(values, dict) else values]
        text = yaml.safe_dump(values) if isinstance(values, dict) else None
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise ChartError(done.stderr)
    return done.stdout


def render(*arguments, values=None):
    """The objects: (kind, name) -> object."""
    documents = yaml.safe_load_all(render_text(*arguments, values=values))
    return {(each["kind"], each["metadata"]["name"]): each
            for each in documents if each}


def values_files():
    return sorted(CHART.glob("ci/*-values.yaml"))


def manifest(values):
    """The text of a file of deploy/kubernetes."""
    name = values.relative_to(ROOT)
    return (f"# Made by scripts/check-deploy --render from the chart and {name}.\n"
            "# docs/kubernetes.md says what to change before it is applied.\n"
            + render_text("--skip-tests", values=values))


def main():
    if sys.argv[1:] == ["--print"]:
        for values in values_files():
            print(render_text(values=values))
        return
    for path, values in MANIFESTS.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(manifest(values))


if __name__ == "__main__":
    main()
