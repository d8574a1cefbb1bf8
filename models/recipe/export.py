"""Writes a checkpoint as a weight file and as the service's package."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recipe.characters import encode_words
from recipe.language_model import LanguageModel
from recipe.options import ModelOptions, RecipeError
from recipe.plain_forward import PlainModel
from recipe.token_cache import BEGIN_ID, TokenCache
from recipe.trainer import load_checkpoint, load_weights
from recipe.vector_basis import share_map
from recipe.weights_file import write_weights

_SENTENCES = 100  # To measure the vectors' spread.
_CHECK_SENTENCES = 3
# What the warm start state is computed from. Sentences with words would leave
# them in the state, and so in the vectors of whatever is read next.
_WARM_UP = ".\n" * 3
# The exported file is computed in double precision, the model in single.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ExportPaths:
    """checkpoint: what is read; package, twin: folders that must not exist
    yet; importer: the program elmo-model."""

    checkpoint: Path
    package: Path
    twin: Path
    importer: str

    def check_free(self) -> None:
        """RecipeError where something would be overwritten."""
        for folder in (self.package, self.twin):
            if folder.exists():
                raise RecipeError(f"{folder} exists; it is not overwritten: "
                                  "move it away or name another")


def load_model(checkpoint: Path) -> LanguageModel:
    """The trained model of a checkpoint."""
    saved = load_checkpoint(checkpoint)
    vocabulary = saved["model"]["softmax_weight"].shape[0]
    model = LanguageModel(ModelOptions.from_json(saved["options"]), vocabulary,
                          saved["settings"]["seed"])
    load_weights(model, saved, checkpoint)
    return model


def first_sentences(cache: TokenCache, words: Sequence[str],
                    count: int) -> list[list[str]]:
    """The first sentences of the training text that end within 40 words."""
    ids = np.asarray(cache.train[:count * 400])
    begins = np.flatnonzero(ids == BEGIN_ID)
    sentences = [[words[k] for k in ids[b + 1:e - 1]]
                 for b, e in zip(begins, begins[1:])]
    return [s for s in sentences if 3 <= len(s) <= 40][:count]


@torch.no_grad()
def embed(model: LanguageModel, tokens: Sequence[str]) -> np.ndarray:
    """[L + 1, tokens, 2P] from the zero state, by the training code."""
    ids = encode_words(["<S>", *tokens, "</S>"]).astype(np.int64)
    x = model.char_cnn(torch.from_numpy(ids)).unsqueeze(1)
    forward, _ = model.directions[0](x, model.directions[0].zero_state(1))
    backward, _ = model.directions[1](x.flip(0),
                                      model.directions[1].zero_state(1))
    layers = [torch.cat([x, x], dim=2)]
    layers += [torch.cat([f, b.flip(0)], dim=2)
               for f, b in zip(forward, backward)]
    return torch.stack(layers)[:, 1:-1, 0].numpy()


def check_weights(model: LanguageModel, folder: Path,
                  sentences: Sequence[Sequence[str]]) -> float:
    """The largest difference between model and file; RecipeError above 1e-4."""
    plain = PlainModel(folder)
    worst = max(float(np.abs(plain.embed(s) - embed(model, s)).max())
                for s in sentences)
    if not worst <= _TOLERANCE:
        raise RecipeError(f"{folder}/weights.hdf5 differs from the model by "
                          f"{worst:.2g}, more than {_TOLERANCE}")
    return worst


def export(paths: ExportPaths, cache: TokenCache, words: Sequence[str],
           log: Callable[[str], None]) -> None:
    """Changes the vectors' basis, writes the twin, checks it, and has
    elmo-model make the package."""
    paths.check_free()
    model = load_model(paths.checkpoint)
    sentences = first_sentences(cache, words, _SENTENCES)
    share_map(model, np.concatenate([embed(model, s)[-1] for s in sentences]))
    paths.twin.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.twin.parent) as name:
        folder = Path(name, "twin")
        folder.mkdir()
        write_weights(model, folder)
        (folder / "warm-up.txt").write_text(_WARM_UP)
        worst = check_weights(model, folder, sentences[:_CHECK_SENTENCES])
        log(f"weights.hdf5 agrees with the trained model to {worst:.1e}")
        _import(paths, folder)
        shutil.move(folder, paths.twin)
    log(f"package: {paths.package}; AllenNLP's files: {paths.twin}")


def _import(paths: ExportPaths, folder: Path) -> None:
    command = [paths.importer, "import",
               "--options", str(folder / "options.json"),
               "--weights", str(folder / "weights.hdf5"),
               "--warm-up", str(folder / "warm-up.txt"),
               "--storage", "f16", "--output", str(paths.package)]
    try:
        subprocess.run(command, check=True)
    except OSError as error:
        raise RecipeError(f"{paths.importer}: {error.strerror}; build "
                          "elmo-model first, or name it with --elmo-model"
                          ) from error
    except subprocess.CalledProcessError as error:
        raise RecipeError(f"{paths.importer} import failed with exit code "
                          f"{error.returncode}") from error
