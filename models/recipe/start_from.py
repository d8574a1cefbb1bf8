"""Begins with the weights of a package, or of an earlier run, instead of random
ones."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from recipe.language_model import LanguageModel
from recipe.lstm import LstmStack
from recipe.options import ModelOptions, RecipeError
from recipe.token_cache import read_words
from recipe.trainer import load_checkpoint

_GATES = 4


def start_from(model: LanguageModel, package: Path) -> None:
    """Copies a package's weights into a new model.

    The model may have more cells and wider projections. New cells keep their
    random inputs and begin with zeros for a projection; new columns of token
    vectors and projections are random and nothing reads them yet. So the model
    begins by computing what the package does, in the first columns of each
    direction. Packages have no softmax: it has to be learnt anew
    (TrainSettings.softmax_first). RecipeError where anything else differs.
    """
    options, tensors = _read(package)
    _check_dimensions(model, options, package)
    with torch.no_grad():
        _copy_char_cnn(model, tensors)
        for name, stack in zip(("forward", "backward"), model.directions):
            for layer in range(options.layers):
                cell = f"lstm.{name}.{layer}"
                _copy_cell(stack, layer, tensors[f"{cell}.weight"],
                           tensors[f"{cell}.bias"],
                           tensors[f"{cell}.projection"])


def start_from_run(model: LanguageModel, words: Sequence[str],
                   folder: Path) -> None:
    """Copies the weights of an earlier run's checkpoint, the softmax too, whose
    rows are found again by their words: the text may be another.

    words: of the new run's text, by id; folder: the earlier run's --work.
    Dimensions as for start_from. The second task's map begins anew: what it
    leads to follows from the softmax of the new run.
    """
    saved = load_checkpoint(folder / "checkpoint.pt")
    tensors = saved["model"]
    options = ModelOptions.from_json(saved["options"])
    _check_dimensions(model, options, folder)
    old_rows = {word: row for row, word in enumerate(
        read_words(folder / "text")[:len(tensors["softmax_weight"])])}
    rows = [(new, old_rows[word])
            for new, word in enumerate(words[:model.vocabulary])
            if word in old_rows]
    new, old = torch.tensor(rows).t()
    with torch.no_grad():
        for name, parameter in model.char_cnn.named_parameters():
            source = tensors[f"char_cnn.{name}"]
            # All but the projection have the same shape.
            parameter[..., :source.shape[-1]] = source
        for d, stack in enumerate(model.directions):
            for layer in range(options.layers):
                _copy_cell(stack, layer, *(
                    tensors[f"directions.{d}.{part}.{layer}"]
                    for part in ("weights", "biases", "projections")))
        for name in ("softmax_weight", "softmax_bias"):
            source = tensors[name]
            getattr(model, name)[new] = 0
            getattr(model, name)[new, :source.shape[1]] = source[old]


def _check_dimensions(model: LanguageModel, options: ModelOptions,
                      source: Path) -> None:
    new = model.options
    if options.cell_dim > new.cell_dim or \
            options.projection_dim > new.projection_dim or \
            replace(options, cell_dim=new.cell_dim,
                    projection_dim=new.projection_dim) != new:
        raise RecipeError(
            f"{source} has other dimensions: {json.dumps(options.to_json())}. "
            "Only lstm.dim and lstm.projection_dim may differ, and be larger in "
            "the new model")


def _copy_cell(stack: LstmStack, layer: int, weight: Tensor, bias: Tensor,
               projection: Tensor) -> None:
    cells, p = projection.shape
    # [input or state, P, gate, H]
    target = stack.weights[layer].view(2, -1, _GATES, stack.options.cell_dim)
    target[:, p:] = 0
    target[:, :p, :, :cells] = weight.view(2, p, _GATES, cells)
    stack.biases[layer].view(_GATES, -1)[:, :cells] = bias.view(_GATES, cells)
    stack.projections[layer][cells:] = 0
    stack.projections[layer][:cells, :p] = projection


def _read(package: Path) -> tuple[ModelOptions, dict[str, Tensor]]:
    options = ModelOptions.load(package / "options.json")
    try:
        tensors = load_file(package / "model.safetensors")
    except Exception as error:  # safetensors raises many kinds.
        raise RecipeError(f"{package}/model.safetensors: {error}") from error
    return options, {name: t.float() for name, t in tensors.items()}


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
    p = len(tensors["projection.bias"])
    cnn.projection[:, :p] = tensors["projection.weight"]
    cnn.projection_bias[:p] = tensors["projection.bias"]
