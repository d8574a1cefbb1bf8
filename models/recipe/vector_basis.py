"""Shares the second task's map between the vectors and what reads them.

An LSTM language model is the same after a change of basis between its layers:
with any invertible A per direction, projections W_P A, and A^-1 before every
matrix that reads their outputs, leave gates and cells as they were and every
layer's output multiplied by A. The skip connection adds two layers, so all
layers of a direction share its A.

The words before a place are read from the top layer through a map M = U S V^T
(BagTask): its large singular values belong to directions that say what the text
is about, its small ones to those that only the next word needs. Left so, cosine
sees both alike. A = U S^1/2 U^T gives half of the map to the vectors, as one
splits the singular values of a co-occurrence matrix between words and contexts
(Levy, Goldberg and Dagan, 2015).
"""

import numpy as np
import torch
from torch import Tensor

from recipe.language_model import LanguageModel

# A shrinks no direction more than this against the others, so that low
# precisions keep what the next word needs.
_SMALLEST = 0.3
# Standard deviation of the top layer's numbers. int8 divides what the projection's
# clip of 3 admits into 255 steps: less would waste them, much more would be clipped.
_SPREAD = 0.85


@torch.no_grad()
def change_basis(model: LanguageModel, bases: list[Tensor]) -> None:
    """Multiplies every LSTM layer's output by bases[direction] [P, P], as long
    as the projection's clip is not reached."""
    for stack, basis in zip(model.directions, bases):
        inverse = torch.linalg.inv(basis.double())
        p = len(basis)

        def product(a: Tensor, b: Tensor) -> Tensor:
            return (a.double() @ b.double()).float()

        for layer, (weight, projection) in enumerate(
                zip(stack.weights, stack.projections)):
            projection.copy_(product(projection, basis))
            weight[p:] = product(inverse, weight[p:])
            if layer:  # The first layer reads token vectors, which stay.
                weight[:p] = product(inverse, weight[:p])


@torch.no_grad()
def half_of_map(bag_map: Tensor) -> Tensor:
    """A [P, P]; its largest singular value is 1."""
    left, values, _ = torch.linalg.svd(bag_map.double())
    roots = torch.full((len(left),), _SMALLEST, dtype=torch.double)
    roots[:len(values)] = (values / values[0]).sqrt().clamp(min=_SMALLEST)
    return (left * roots) @ left.t()


def share_map(model: LanguageModel, top: np.ndarray) -> None:
    """Changes the basis of both directions by half of their maps.

    top [n, 2P]: the top layer's vectors of some text, for the scale."""
    bases = []
    for bag_map, vectors in zip(model.bag_maps, np.split(top, 2, axis=1)):
        half = half_of_map(bag_map)
        spread = (torch.from_numpy(vectors).double() @ half).std()
        bases.append(half * (_SPREAD / spread))
    change_basis(model, bases)
