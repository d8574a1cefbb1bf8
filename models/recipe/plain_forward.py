"""The model of a weight file, written plainly in numpy.

Used to check that an exported file computes what the trained model computes;
it follows the published formulas and shares no code with the training.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from recipe.characters import SENTENCE_BEGIN, SENTENCE_END, encode_words


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class PlainModel:
    """Loads options.json and weights.hdf5; computes in double precision."""

    def __init__(self, folder: Path):
        options = json.loads((folder / "options.json").read_text())
        self._lstm, self._cnn = options["lstm"], options["char_cnn"]
        self._weights: dict[str, np.ndarray] = {}
        with h5py.File(folder / "weights.hdf5") as file:
            file.visititems(self._read)

    def _read(self, name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            self._weights[name] = item[()].astype(np.float64)

    def embed(self, tokens: Sequence[str]) -> np.ndarray:
        """[L + 1, tokens, 2P], from the zero state."""
        words = [SENTENCE_BEGIN, *tokens, SENTENCE_END]
        x = np.stack([self._word(ids) for ids in encode_words(words)])
        forward = self._stack(x, 0)
        backward = [layer[::-1] for layer in self._stack(x[::-1], 1)]
        layers = [np.concatenate([x, x], axis=1)]
        layers += [np.concatenate(pair, axis=1)
                   for pair in zip(forward, backward)]
        return np.stack(layers)[:, 1:-1]

    def _word(self, ids: np.ndarray) -> np.ndarray:
        w = self._weights
        characters = w["char_embed"][ids - 1]
        found = []
        for k, (width, _) in enumerate(self._cnn["filters"]):
            kernel = w[f"CNN/W_cnn_{k}"][0]
            windows = [np.tensordot(characters[p:p + width], kernel, 2)
                       for p in range(len(ids) - width + 1)]
            found.append(np.maximum(
                np.max(windows, axis=0) + w[f"CNN/b_cnn_{k}"], 0))
        e = np.concatenate(found)
        for k in range(self._cnn["n_highway"]):
            name = f"CNN_high_{k}"
            gate = _sigmoid(e @ w[f"{name}/W_carry"] + w[f"{name}/b_carry"])
            new = np.maximum(
                e @ w[f"{name}/W_transform"] + w[f"{name}/b_transform"], 0)
            e = gate * new + (1 - gate) * e
        return e @ w["CNN_proj/W_proj"] + w["CNN_proj/b_proj"]

    def _stack(self, x: np.ndarray, direction: int) -> list[np.ndarray]:
        outputs: list[np.ndarray] = []
        for layer in range(self._lstm["n_layers"]):
            h = self._layer(x, f"RNN_{direction}/RNN/MultiRNNCell/"
                               f"Cell{layer}/LSTMCell")
            x = h + x if layer and self._lstm["use_skip_connections"] else h
            outputs.append(x)
        return outputs

    def _layer(self, x: np.ndarray, cell: str) -> np.ndarray:
        weight, bias = self._weights[f"{cell}/W_0"], self._weights[f"{cell}/B"]
        projection = self._weights[f"{cell}/W_P_0"]
        h, c = np.zeros(projection.shape[1]), np.zeros(projection.shape[0])
        out = []
        for x_t in x:
            i, j, f, o = np.split(np.concatenate([x_t, h]) @ weight + bias, 4)
            c = _sigmoid(f + 1) * c + _sigmoid(i) * np.tanh(j)
            c = np.clip(c, -self._lstm["cell_clip"], self._lstm["cell_clip"])
            h = (_sigmoid(o) * np.tanh(c)) @ projection
            h = np.clip(h, -self._lstm["proj_clip"], self._lstm["proj_clip"])
            out.append(h)
        return np.stack(out)
