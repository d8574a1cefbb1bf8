"""The command models/evaluate."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def _parser() -> argparse.ArgumentParser:
    shared = Path(os.environ.get("ELMO_SHARED_DIR", _ROOT.parent / "shared"))
    parser = argparse.ArgumentParser(
        prog="models/evaluate", description="Measures the vectors of a running "
        "elmo-server: senses by nearest sense average, parts of speech by a "
        "linear probe, for each layer.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--target", default="localhost:50051", help="address of the server")
    add("--model", default="", help="name of the model; empty: the default")
    add("--data", type=Path, default=shared / "evaluation",
        help="folder with wsd-*.tsv and pos-masc-*.tsv")
    add("--output", type=Path, help="file for the results as JSON")
    add("--skip-tags", action="store_true",
        help="leave out parts of speech, the slow part")
    return parser


def main() -> int:
    args = _parser().parse_args()
    # Only now: --help must not need numpy and gRPC.
    from quality.labelled_data import DataError
    from quality.measure import measure_all, table
    from quality.service import Service, ServiceError
    try:
        service = Service(args.target, _ROOT / "proto", args.model)
        begin = time.monotonic()
        results = measure_all(service.embed, args.data, not args.skip_tags)
    except (ServiceError, DataError) as error:
        print(f"models/evaluate: {error}", file=sys.stderr)
        return 1
    info = service.info
    print(f"model {info.name} ({info.precision}), checksum "
          f"{info.checksum[:12]}, {time.monotonic() - begin:.0f} s\n")
    print(table(results))
    if args.output:
        args.output.write_text(json.dumps({
            "model": info.name, "checksum": info.checksum,
            "precision": info.precision, "results": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
