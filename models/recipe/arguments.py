"""The flags of models/train. Apart, so that --help does not need PyTorch."""

import argparse
from dataclasses import fields
from pathlib import Path

from recipe.settings import TrainSettings


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="models/train", description="Trains an ELMo model and writes it as "
        "a package for elmo-server. The same command goes on after an "
        "interruption.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--corpus", type=Path, required=True, help="books: one paragraph a "
        "line, an empty line between books; plain text or .xz")
    add("--modern", type=Path, help="tokenised sentences to mix in, the first "
        "column of a .tsv")
    add("--modern-repeats", type=int, default=8,
        help="how often to repeat them")
    add("--lowercase-share", type=float, default=0.3,
        help="share of the training text that loses its capitals")
    add("--joined-share", type=float, default=0.2, help="share of the training "
        "sentences that are joined to the one before")
    add("--work", type=Path, required=True,
        help="folder for the prepared text, checkpoints and the log")
    add("--output", type=Path, required=True,
        help="folder of the package to write; must not exist")
    add("--twin", type=Path, help="folder for options.json and weights.hdf5, "
        "as AllenNLP loads them (default: WORK/allennlp)")
    add("--options", type=Path, help="options.json with the dimensions to "
        "train (default: 2 layers of 512 cells projected to 240)")
    add("--start-from", type=Path, help="what to begin with: a package, or the "
        "--work folder of an earlier run, which has the softmax too; its "
        "options, or those with a larger lstm.dim or projection_dim or more "
        "char_cnn.filters")
    add("--tokeniser", default="build/release/bin/elmo-tokenize",
        help="the server's tokeniser: lines in, tokens out")
    add("--elmo-model", default="build/release/bin/elmo-model",
        help="the tool that writes packages")
    add("--export-only", action="store_true",
        help="write the model of the last checkpoint, train no further")
    for setting in fields(TrainSettings):
        add("--" + setting.name.replace("_", "-"), type=setting.type,
            default=setting.default, help="see models/recipe/settings.py")
    return parser


if __name__ == "__main__":
    make_parser().parse_args()
