"""Begins with the weights of a package instead of random ones."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from recipe.language_model import LanguageModel
from recipe.options import ModelOptions, RecipeError

_GATES = 4


def start_from(model: LanguageModel, package: Path) -> None:
    """Copies a package's weights into a new model.

    The model may have more cells: those keep their random inputs and begin with
    zeros for a projection, so that the model computes what the package does.
    Packages have no softmax: it has to be learnt anew (TrainSettings.
    softmax_first). RecipeError where anything else differs.
    """
    options, tensors = _read(package)
    if options.cell_dim > model.options.cell_dim or \
            replace(options, cell_dim=model.options.cell_dim) != model.options:
        raise RecipeError(
            f"{package} has other dimensions: {json.dumps(options.to_json())}. "
            "Only lstm.dim may differ, and be larger in the new model")
    with torch.no_grad():
        _copy_char_cnn(model, tensors)
        for name, stack in zip(("forward", "backward"), model.directions):
            for layer in range(options.layers):
                cell = f"lstm.{name}.{layer}"
                _copy_gates(stack.weights[layer], tensors[f"{cell}.weight"])
                _copy_gates(stack.biases[layer], tensors[f"{cell}.bias"])
                projection = tensors[f"{cell}.projection"]
                stack.projections[layer].zero_()
                stack.projections[layer][:len(projection)] = projection


def _read(package: Path) -> tuple[ModelOptions, dict[str, Tensor]]:
    options = ModelOptions.load(package / "options.json")
    try:
        tensors = load_file(package / "model.safetensors")
    except Exception as error:  # safetensors raises many kinds.
        raise RecipeError(f"{package}/model.safetensors: {error}") from error
    return options, {name: t.float() for name, t in tensors.items()}


def _copy_gates(target: Tensor, source: Tensor) -> None:
    """[..., 4H] gate by gate: the first cells of each."""
    shape = (*source.shape[:-1], _GATES, -1)
    cells = source.shape[-1] // _GATES
    target.view(shape)[..., :cells] = source.view(shape)


def _copy_char_cnn(model: LanguageModel, tensors: dict[str, Tensor]) -> None:
    cnn = model.char_cnn
    cnn.embedding.copy_(tensors["char_cnn.embedding"])
    for k, (weight, bias) in enumerate(zip(cnn.weights, cnn.biases)):
        # [width, d, count] -> [count, d, width]
        weight.copy_(
            tensors[f"char_cnn.convolution.{k}.weight"].permute(2, 1, 0))
        bias.copy_(tensors[f"char_cnn.convolution.{k}.bias"])
    for k in range(len(cnn.carry)):
        cnn.carry[k].copy_(tensors[f"highway.{k}.carry.weight"])
        cnn.carry_bias[k].copy_(tensors[f"highway.{k}.carry.bias"])
        cnn.transform[k].copy_(tensors[f"highway.{k}.transform.weight"])
        cnn.transform_bias[k].copy_(tensors[f"highway.{k}.transform.bias"])
    cnn.projection.copy_(tensors["projection.weight"])
    cnn.projection_bias.copy_(tensors["projection.bias"])
