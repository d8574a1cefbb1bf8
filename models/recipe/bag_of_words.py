"""A second task for the top layer: which words it has read, in any order.

The next word alone asks little of what a text is about. Here the vector of a
place has to give, through a linear map, its side of the context vector that
Schuetze (Automatic Word Sense Discrimination, 1998) defines: the sum of the
vectors of the words before it, in the direction's own reading order. So it keeps
the subject, and senses apart. (Words to come belong to the other direction; a trial
with both sides spent half of the task on what cannot be known.)

What the token vectors do not tell, no later layer can keep, and the sum is mostly
about common words. So each token vector also has to give its word's own vector,
where a rare word counts as much as a common one.
"""

import numpy as np
import torch
from torch import Tensor

from recipe.options import RecipeError

# A word of this relative frequency counts half; commoner ones, which stand
# around anything, count less.
_HALF_WEIGHT = 1e-2
# Variance, as a share of the largest, that no direction is stretched beyond.
_FLOOR = 1e-6


class BagTask:
    """words: how far back; share: weight of its loss beside the next
    word's; frequencies [V]: of each softmax word in the text."""

    def __init__(self, words: int, share: float, frequencies: np.ndarray,
                 specials: int):
        if words < 1:
            raise RecipeError(f"--bag-words {words}: at least 1 is needed")
        self.words, self.share = words, share
        weights = _HALF_WEIGHT / (_HALF_WEIGHT + frequencies)
        weights[:specials] = 0  # Sentence marks and the unknown word.
        self._weights = torch.from_numpy(weights)
        self._frequencies = torch.from_numpy(frequencies)
        # [V, P / 2], whitened and weighted; part of a run's state.
        self.word_vectors: Tensor | None = None

    @torch.no_grad()
    def take_word_vectors(self, softmax_weight: Tensor) -> None:
        """Makes the words' vectors from the softmax's rows [V, P]: the half of
        the directions in which words differ most, so that the other half of a
        place's vector stays free for the next word; whitened, so that the common
        words' directions do not rule; and weighted. Later ones are turned towards
        those before, so that the map to them stays good."""
        rows = softmax_weight.double()
        share = self._weights * self._frequencies
        share = (share / share.sum()).unsqueeze(1)
        centred = rows - (rows * share).sum(0)
        values, vectors = torch.linalg.eigh(centred.t() @ (centred * share))
        scale = (values.clamp(min=0) + _FLOOR * values[-1]) ** -0.5
        half = len(values) // 2
        white = centred @ (vectors * scale)[:, -half:]
        weighted = white * self._weights.unsqueeze(1)
        if self.word_vectors is not None:
            left, _, right = torch.linalg.svd(
                weighted.t() @ (share * self.word_vectors.double()))
            weighted = weighted @ left @ right
        self.word_vectors = weighted.float()

    def context_vectors(self, ids: Tensor) -> Tensor:
        """ids [words + T, B], softmax ids from as many words before the first
        place on -> [ceil(T / 2), B, P / 2], of every second place. The nearest word
        counts whole, the farthest 1 / words, as word2vec's window does."""
        places = torch.arange(self.words, len(ids), 2)
        distance = places.unsqueeze(1) - torch.arange(len(ids))
        near = (1 - (distance - 1) / self.words).clamp(min=0)
        near[distance <= 0] = 0
        near /= near[0].norm()
        vectors = self.word_vectors[ids]
        return (near @ vectors.flatten(1)).view(-1, *vectors.shape[1:])
