"""The command models/train: prepare the text, train, write the model."""

import argparse
import hashlib
import json
import shutil
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from recipe.arguments import make_parser
from recipe.corpus import read_books, read_tokenised
from recipe.export import ExportPaths, export
from recipe.options import ModelOptions, RecipeError
from recipe.settings import TrainSettings
from recipe.start_from import start_from, start_from_run
from recipe.token_cache import (Source, TokenCache, Variation, build_cache,
                                read_words)
from recipe.trainer import Trainer

_BOOKS_HELD_OUT, _MODERN_HELD_OUT = 0.02, 0.03


class _Log:
    """Prints a line and keeps it in a file."""

    def __init__(self, path: Path):
        self._path = path

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def _identity(args: argparse.Namespace) -> dict[str, Any]:
    """What the prepared text depends on."""
    values: dict[str, Any] = {"seed": args.seed,
                              "modern_repeats": args.modern_repeats,
                              "lowercase_share": args.lowercase_share,
                              "joined_share": args.joined_share}
    for name, path in (("corpus", args.corpus), ("modern", args.modern)):
        if path is not None:
            if not path.is_file():
                raise RecipeError(f"--{name} {path}: no such file")
            values[name] = [path.name, path.stat().st_size]
    tool = shutil.which(args.tokeniser)
    if tool:
        values["tokeniser"] = hashlib.sha256(
            Path(tool).read_bytes()).hexdigest()
    return values


def _prepare(args: argparse.Namespace, log: _Log) -> TokenCache:
    folder = args.work / "text"
    identity_file = folder / "made-from.json"
    identity = _identity(args)
    if (folder / "cache.json").exists():
        made_from = json.loads(identity_file.read_text())
        # A tokeniser rebuilt since then does not void a run that has begun.
        for key in identity.keys() - {"tokeniser"}:
            if made_from.get(key) != identity[key]:
                raise RecipeError(
                    f"{folder} was made with {key} = {made_from.get(key)}, not "
                    f"{identity[key]}; use another --work folder")
        return TokenCache.load(folder)
    if shutil.which(args.tokeniser) is None:
        raise RecipeError(f"tokeniser {args.tokeniser}: not found; build "
                          "elmo-tokenize, or name it with --tokeniser")
    folder.mkdir(exist_ok=True)
    sources = [Source("books", lambda: read_books(
        args.corpus, args.tokeniser, folder), _BOOKS_HELD_OUT)]
    if args.modern is not None:
        sources.append(Source("modern", lambda: read_tokenised(args.modern),
                              _MODERN_HELD_OUT, args.modern_repeats))
    log("preparing the text")
    identity_file.write_text(json.dumps(identity, indent=1) + "\n")
    build_cache(folder, sources,
                Variation(args.lowercase_share, args.joined_share), args.seed,
                log)
    return TokenCache.load(folder)


def _run(args: argparse.Namespace) -> None:
    paths = ExportPaths(args.work / "checkpoint.pt", args.output,
                        args.twin or args.work / "allennlp", args.elmo_model)
    paths.check_free()
    options = ModelOptions.load(args.options) if args.options else ModelOptions()
    args.work.mkdir(parents=True, exist_ok=True)
    log = _Log(args.work / "train.log")
    cache = _prepare(args, log)
    words = read_words(args.work / "text")
    if not args.export_only:
        settings = TrainSettings(**{
            f.name: getattr(args, f.name) for f in fields(TrainSettings)})
        try:
            trainer = Trainer(options, settings, cache, args.work, log)
        except ValueError as error:
            raise RecipeError(f"the corpus is too small: {error}") from error
        if trainer.resume():
            log(f"going on from step {trainer.step}, {trainer.progress:.1%}")
        elif args.start_from:
            if (args.start_from / "checkpoint.pt").exists():
                start_from_run(trainer.model, words, args.start_from)
            else:
                start_from(trainer.model, args.start_from)
            log(f"beginning with the weights of {args.start_from}")
        if not trainer.train():
            raise KeyboardInterrupt
    export(paths, cache, words, log)


def main() -> int:
    args = make_parser().parse_args()
    torch.set_num_threads(1)  # The model runs on two threads of its own.
    try:
        _run(args)
    except RecipeError as error:
        print(f"models/train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
