"""Writes a trained model as the weight file that AllenNLP and bilm-tf load."""

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from torch import Tensor

from recipe.language_model import LanguageModel


def named_arrays(model: LanguageModel) -> Iterator[tuple[str, np.ndarray]]:
    """The datasets of the weight file, in its names and layouts."""

    def array(tensor: Tensor) -> np.ndarray:
        return np.ascontiguousarray(tensor.detach().numpy(), np.float32)

    cnn = model.char_cnn
    yield "char_embed", array(cnn.embedding)
    for k, (weight, bias) in enumerate(zip(cnn.weights, cnn.biases)):
        # [count, d, width] -> [1, width, d, count]
        yield f"CNN/W_cnn_{k}", array(weight.permute(2, 1, 0).unsqueeze(0))
        yield f"CNN/b_cnn_{k}", array(bias)
    for k in range(len(cnn.carry)):
        yield f"CNN_high_{k}/W_carry", array(cnn.carry[k])
        yield f"CNN_high_{k}/b_carry", array(cnn.carry_bias[k])
        yield f"CNN_high_{k}/W_transform", array(cnn.transform[k])
        yield f"CNN_high_{k}/b_transform", array(cnn.transform_bias[k])
    yield "CNN_proj/W_proj", array(cnn.projection)
    yield "CNN_proj/b_proj", array(cnn.projection_bias)
    for direction, stack in enumerate(model.directions):
        for layer in range(model.options.layers):
            cell = (f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell")
            yield f"{cell}/W_0", array(stack.weights[layer])
            yield f"{cell}/B", array(stack.biases[layer])
            yield f"{cell}/W_P_0", array(stack.projections[layer])


def write_weights(model: LanguageModel, folder: Path) -> None:
    """Writes weights.hdf5 and options.json into a folder."""
    with h5py.File(folder / "weights.hdf5", "w") as file:
        for name, values in named_arrays(model):
            file.create_dataset(name, data=values)
    (folder / "options.json").write_text(
        json.dumps(model.options.to_json(), indent=2) + "\n")
