"""Next-word loss over a sample of the vocabulary, and over all of it."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class LogUniformSampler:
    """Draws word ids with P(k) = log((k + 2) / (k + 1)) / log(V + 1): close to
    how often words occur when they are numbered by frequency."""

    def __init__(self, vocabulary: int, tries: int):
        self._range = math.log(vocabulary + 1)
        self._vocabulary = vocabulary
        self._tries = tries

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """The distinct ids of `tries` draws, in order."""
        draws = np.exp(random.random(self._tries) * self._range) - 1
        return np.unique(draws.astype(np.int64) % self._vocabulary)

    def log_expected(self, ids: Tensor) -> Tensor:
        """Log of the probability that an id is among the drawn ones."""
        k = ids.double()
        p = torch.log((k + 2) / (k + 1)) / self._range
        return torch.log(-torch.expm1(self._tries * torch.log1p(-p))).float()


@dataclass(frozen=True)
class SoftmaxSample:
    """The part of the softmax that one training step touches.

    rows: distinct word ids of targets and sample; sample: where in `rows` the
    sampled ones stand; correction: log expected count of each row.
    """

    rows: Tensor
    sample: Tensor
    correction: Tensor

    @classmethod
    def draw(cls, sampler: LogUniformSampler, targets: list[Tensor],
             random: np.random.Generator) -> "SoftmaxSample":
        drawn = sampler.draw(random)
        rows = np.unique(np.concatenate([drawn, *(t.numpy() for t in targets)]))
        rows_tensor = torch.from_numpy(rows)
        return cls(rows_tensor, torch.from_numpy(np.searchsorted(rows, drawn)),
                   sampler.log_expected(rows_tensor))


def sampled_loss(hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor,
                 sample: SoftmaxSample) -> Tensor:
    """Mean loss of hidden [N, P] against targets [N] (word ids).

    weight [rows, P] and bias [rows] belong to sample.rows.
    """
    place = torch.searchsorted(sample.rows, targets)
    bias = bias - sample.correction
    true_logits = (hidden * weight[place]).sum(1) + bias[place]
    logits = torch.addmm(bias[sample.sample], hidden,
                         weight[sample.sample].t())
    # A sampled word that is the target counts once, as the target.
    column = torch.full((len(sample.rows),), -1)
    column[sample.sample] = torch.arange(len(sample.sample))
    hit = column[place]
    row = torch.nonzero(hit >= 0).squeeze(1)
    logits = logits.index_put((row, hit[row]), torch.tensor(-1e9))
    total = torch.logaddexp(true_logits, torch.logsumexp(logits, dim=1))
    return (total - true_logits).mean()


def full_loss(hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor,
              rows: int = 512) -> float:
    """Summed loss over the whole vocabulary, in slices to bound memory."""
    total = 0.0
    for h, t in zip(hidden.split(rows), targets.split(rows)):
        logits = torch.addmm(bias, h, weight.t())
        total += F.cross_entropy(logits, t, reduction="sum").item()
    return total
