"""Begins with the weights of a package, or of an earlier run, instead of random
ones."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from recipe.language_model import LanguageModel
from recipe.lstm import LstmStack
from recipe.options import ModelOptions, RecipeError
from recipe.token_cache import read_words
from recipe.trainer import load_checkpoint

_GATES = 4

Filters = Sequence[tuple[int, int]]  # (width, count), as in the options.


def start_from(model: LanguageModel, package: Path) -> None:
    """Copies a package's weights into a new model.

    The model may have more cells, wider projections and more filters. New cells and
    filters keep their random inputs and begin with zeros towards what was there;
    new columns of token vectors and projections are random and nothing reads them
    yet. So the model begins by computing what the package does, in the first
    columns of each direction. Packages have no softmax: it has to be learnt anew
    (TrainSettings.softmax_first). RecipeError where anything else differs.
    """
    options, tensors = _read(package)
    _check_dimensions(model, options, package)
    with torch.no_grad():
        _copy_char_cnn(model, options, _char_cnn_of_package(options, tensors))
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
    Dimensions as for start_from. The second task's maps begin anew: what they
    lead to follows from the softmax of the new run.
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
        _copy_char_cnn(model, options, {
            name.removeprefix("char_cnn."): source
            for name, source in tensors.items()
            if name.startswith("char_cnn.")})
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
            _filter_groups(options.filters, new.filters) is None or \
            replace(options, cell_dim=new.cell_dim, filters=new.filters,
                    projection_dim=new.projection_dim) != new:
        raise RecipeError(
            f"{source} has other dimensions: {json.dumps(options.to_json())}. "
            "Only lstm.dim, lstm.projection_dim and the counts of "
            "char_cnn.filters may differ, and be larger in the new model, which "
            "may also have filters of further widths")


def _filter_groups(old: Filters, new: Filters) -> list[int] | None:
    """The new group that takes each of the old ones: of its width, at least as
    large, in the same order; None where there is none for one of them."""
    rest, groups = iter(enumerate(new)), []
    for width, count in old:
        for k, (new_width, new_count) in rest:
            if new_width == width and new_count >= count:
                groups.append(k)
                break
        else:
            return None
    return groups


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


def _copy_char_cnn(model: LanguageModel, options: ModelOptions,
                   tensors: dict[str, Tensor]) -> None:
    """tensors: by the names of CharCnn's parameters, of a model with
    `options`."""
    cnn = model.char_cnn
    new = model.options.filters
    groups = _filter_groups(options.filters, new)
    begins = np.cumsum([0, *(count for _, count in new)])
    # Of the old filters, among all the new ones.
    places = torch.cat([int(begins[j]) + torch.arange(count) for j, (_, count)
                        in zip(groups, options.filters)])
    cnn.embedding.copy_(tensors["embedding"])
    for k, (j, (_, count)) in enumerate(zip(groups, options.filters)):
        cnn.weights[j][:count] = tensors[f"weights.{k}"]
        cnn.biases[j][:count] = tensors[f"biases.{k}"]
    for k in range(len(cnn.carry)):
        for name in ("carry", "transform"):
            matrix = getattr(cnn, name)[k]
            matrix[:, places] = 0
            matrix[places[:, None], places] = tensors[f"{name}.{k}"]
            getattr(cnn, f"{name}_bias")[k][places] = tensors[f"{name}_bias.{k}"]
    source = tensors["projection"]
    p = source.shape[1]
    cnn.projection[:, :p] = 0
    cnn.projection[places, :p] = source
    cnn.projection_bias[:p] = tensors["projection_bias"]


def _read(package: Path) -> tuple[ModelOptions, dict[str, Tensor]]:
    options = ModelOptions.load(package / "options.json")
    try:
        tensors = load_file(package / "model.safetensors")
    except Exception as error:  # safetensors raises many kinds.
        raise RecipeError(f"{package}/model.safetensors: {error}") from error
    return options, {name: t.float() for name, t in tensors.items()}


def _char_cnn_of_package(options: ModelOptions, tensors: dict[str, Tensor]
                         ) -> dict[str, Tensor]:
    """A package's tensors by the names of CharCnn's parameters."""
    result = {"embedding": tensors["char_cnn.embedding"],
              "projection": tensors["projection.weight"],
              "projection_bias": tensors["projection.bias"]}
    for k in range(len(options.filters)):
        convolution = f"char_cnn.convolution.{k}"
        # [width, d, count] -> [count, d, width]
        result[f"weights.{k}"] = \
            tensors[f"{convolution}.weight"].permute(2, 1, 0)
        result[f"biases.{k}"] = tensors[f"{convolution}.bias"]
    for k in range(options.highways):
        for name in ("carry", "transform"):
            result[f"{name}.{k}"] = tensors[f"highway.{k}.{name}.weight"]
            result[f"{name}_bias.{k}"] = tensors[f"highway.{k}.{name}.bias"]
    return result
