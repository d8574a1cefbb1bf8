"""The exported files, and the command's messages."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import OPTIONS, documents, make_cache
from training_test import new_trainer

from recipe.export import ExportPaths, check_weights, export
from recipe.options import ModelOptions, RecipeError
from recipe.plain_forward import PlainModel
from recipe.weights_file import named_arrays, write_weights

MODELS = Path(__file__).resolve().parents[2] / "models"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(MODELS),
               "PYTHONUNBUFFERED": "1"}
SENTENCES = [["the", "bank"], [], ["naïve", "x" * 60, "<S>", "."]]


def test_exported_file_computes_what_the_model_computes(tmp_path: Path):
    trainer = new_trainer(tmp_path, steps=20)
    trainer.train()
    write_weights(trainer.model, tmp_path)
    assert check_weights(trainer.model, tmp_path, SENTENCES[::2]) < 1e-5
    shape = PlainModel(tmp_path).embed(SENTENCES[0]).shape
    assert shape == (3, 2, 2 * OPTIONS.projection_dim)


def test_changed_file_is_noticed(tmp_path: Path):
    trainer = new_trainer(tmp_path)
    write_weights(trainer.model, tmp_path)
    trainer.model.directions[1].biases[0].data += 0.01
    with pytest.raises(RecipeError, match="differs from the model"):
        check_weights(trainer.model, tmp_path, SENTENCES[:1])


def test_options_survive_the_round_trip(tmp_path: Path):
    write_weights(new_trainer(tmp_path).model, tmp_path)
    assert ModelOptions.load(tmp_path / "options.json") == OPTIONS


def test_parameter_count_is_the_published_formula(tmp_path: Path):
    o = OPTIONS
    f, p, h = o.num_filters, o.projection_dim, o.cell_dim
    expected = (261 * o.character_dim
                + sum(w * o.character_dim * n + n for w, n in o.filters)
                + o.highways * (2 * f * f + 2 * f) + f * p + p
                + 2 * o.layers * (8 * p * h + 4 * h + h * p))
    model = new_trainer(tmp_path).model
    assert sum(a.size for _, a in named_arrays(model)) == expected


@pytest.fixture
def importer(tmp_path: Path) -> Path:
    """Stands in for elmo-model: makes the folder it is told to make."""
    tool = tmp_path / "importer"
    tool.write_text('#!/bin/sh\nfor last; do :; done\nmkdir "$last"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return tool


def test_export_overwrites_nothing(tmp_path: Path, importer: Path):
    trainer = new_trainer(tmp_path)
    trainer.save()
    words = (tmp_path / "text/words.txt").read_text().split("\n")
    paths = ExportPaths(trainer.checkpoint_path, tmp_path / "package",
                        tmp_path / "twin", str(importer))
    cache = make_cache(tmp_path / "text")
    export(paths, cache, words, lambda line: None)
    assert sorted(os.listdir(tmp_path / "twin")) == [
        "options.json", "warm-up.txt", "weights.hdf5"]
    with pytest.raises(RecipeError, match="package exists; it is not"):
        export(paths, cache, words, lambda line: None)


def train_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "recipe.main", *map(str, arguments)]


def run_train(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(train_command(*arguments), env=ENVIRONMENT,
                          text=True, capture_output=True, check=False)


@pytest.mark.parametrize("text, expected", [
    (None, "books.txt: no such file"),
    ("", "books: no text to train on"),
    ("Too short.\n", "the corpus is too small"),
])
def test_bad_corpus_ends_with_a_clear_message(tmp_path: Path, text: str | None,
                                              expected: str):
    corpus = tmp_path / "books.txt"
    if text is not None:
        corpus.write_text(text)
    result = run_train("--corpus", corpus, "--work", tmp_path / "work",
                       "--output", tmp_path / "out", "--tokeniser", "cat")
    assert result.returncode == 1
    assert expected in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def write_books(path: Path) -> None:
    path.write_text("\n\n".join(
        "\n".join(" ".join(words) + "." for words in book)
        for book in documents()))


def test_interrupted_run_goes_on_with_the_same_command(tmp_path: Path,
                                                       importer: Path):
    write_books(tmp_path / "books.txt")
    command = train_command(
        "--corpus", tmp_path / "books.txt", "--work", tmp_path / "work",
        "--output", tmp_path / "out", "--tokeniser", "cat", "--batch", 2,
        "--unroll", 5, "--vocabulary", 40, "--elmo-model", importer)
    with subprocess.Popen([*command, "--steps", "1000000"], env=ENVIRONMENT,
                          text=True, stdout=subprocess.PIPE) as run:
        assert run.stdout
        for line in run.stdout:
            if line.startswith("training "):
                run.send_signal(signal.SIGTERM)
            last = line
    assert run.returncode == 130 and "the same command goes on" in last
    result = subprocess.run([*command, "--steps", "1"], env=ENVIRONMENT,
                            text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "going on from step" in result.stdout
    assert (tmp_path / "out").exists()


def test_bad_options_file_is_named(tmp_path: Path):
    (tmp_path / "options.json").write_text(json.dumps({"lstm": {}}))
    (tmp_path / "books.txt").write_text("Text.\n")
    result = run_train("--corpus", tmp_path / "books.txt", "--options",
                       tmp_path / "options.json", "--work", tmp_path / "work",
                       "--output", tmp_path / "out")
    assert result.returncode == 1
    assert "options.json: not an options.json" in result.stderr
    assert np.all([not (tmp_path / n).exists() for n in ("work", "out")])
