"""The bidirectional language model, computed on two threads.

The two directions share only the token vectors and the softmax, so each has a
thread of its own; that keeps two cores busy with no barrier inside a step.
Gradients are asked for explicitly, never accumulated in place, which keeps the
threads apart and every step repeatable bit for bit.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipe.bag_of_words import BagTask
from recipe.batches import DirectionChunk
from recipe.char_cnn import CharCnn
from recipe.characters import word_lengths
from recipe.lstm import LstmStack
from recipe.options import ModelOptions
from recipe.sampled_softmax import SoftmaxSample, full_loss, sampled_loss
from recipe.token_cache import UNKNOWN_ID

State = tuple[Tensor, Tensor]
_T = TypeVar("_T")


class _TwoThreads:
    """Runs two or more jobs side by side, each on one thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(
            min(2, os.cpu_count() or 1),
            initializer=lambda: torch.set_num_threads(1))

    def run(self, jobs: Sequence[Callable[[], _T]]) -> list[_T]:
        return [f.result() for f in [self._pool.submit(j) for j in jobs]]


class LanguageModel(nn.Module):
    """CharCnn, a forward and a backward LstmStack, one softmax for both."""

    def __init__(self, options: ModelOptions, vocabulary: int, seed: int,
                 factors: torch.dtype = torch.float32):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.options = options
        self.char_cnn = CharCnn(options, generator)
        self.directions = nn.ModuleList(
            LstmStack(options, generator, factors) for _ in range(2))
        p = options.projection_dim
        self.softmax_weight = nn.Parameter(
            torch.randn(vocabulary, p, generator=generator) * p ** -0.5)
        self.softmax_bias = nn.Parameter(torch.zeros(vocabulary, 1))
        # From the top layer to context vectors, for BagTask.
        self.bag_maps = nn.ParameterList(torch.eye(p, p // 2)
                                         for _ in range(2))
        self.bag_biases = nn.ParameterList(torch.zeros(p // 2)
                                           for _ in range(2))
        # From a token vector to the word's own part of them.
        self.word_map = nn.Parameter(torch.eye(p, p // 2))
        self.word_bias = nn.Parameter(torch.zeros(p // 2))
        self._threads = _TwoThreads()

    @property
    def vocabulary(self) -> int:
        return self.softmax_weight.shape[0]

    def dense_parameters(self) -> list[nn.Parameter]:
        """All but the softmax, of which a step touches few rows."""
        return [*self.char_cnn.parameters(), *self.directions.parameters(),
                *self.bag_maps, *self.bag_biases, self.word_map,
                self.word_bias]

    def targets(self, words: Tensor) -> Tensor:
        """Word ids as softmax ids: beyond the vocabulary is unknown."""
        return torch.where(words < self.vocabulary, words, UNKNOWN_ID)

    def zero_states(self, batch: int) -> list[State]:
        return [d.zero_state(batch) for d in self.directions]

    def train_step(self, chunks: Sequence[DirectionChunk],
                   characters: np.ndarray, states: list[State],
                   draw: Callable[[list[Tensor]], SoftmaxSample], bag: BagTask
                   ) -> tuple[list[float], list[float], list[State]]:
        """Sets .grad of every parameter; returns the sampled loss of each
        direction, the losses of the second task (a word's own vector, then
        the words before in each direction), and the states to go on from."""
        words, places = _distinct([c.words for c in chunks])
        vectors = _ShardedVectors(self.char_cnn, characters[words],
                                  self._threads.run)
        own_loss, own_gradient = self._own_vectors(vectors.value, words, bag)
        targets = [self.targets(c.targets[c.counts]) for c in chunks]
        sample = draw(targets)
        rows = self.softmax_weight.detach()[sample.rows]
        bias = self.softmax_bias.detach()[sample.rows, 0]

        def direction(d: int) -> tuple[float, float, State, list[Tensor]]:
            leaves = [vectors.value.clone().requires_grad_(),
                      rows.clone().requires_grad_(),
                      bias.clone().requires_grad_(),
                      self.bag_maps[d], self.bag_biases[d]]
            outputs, state = self.directions[d](leaves[0][places[d]],
                                                states[d])
            loss = sampled_loss(outputs[-1][chunks[d].counts], targets[d],
                                leaves[1], leaves[2], sample)
            context = bag.context_vectors(self.targets(chunks[d].with_before))
            second = F.mse_loss(outputs[-1][::2] @ leaves[3] + leaves[4],
                                context)
            gradients = torch.autograd.grad(
                loss + bag.share * second,
                leaves + list(self.directions[d].parameters()))
            return loss.item(), second.item(), state, list(gradients)

        results = self._threads.run(
            [lambda d=d: direction(d) for d in range(2)])
        forward, backward = (r[3] for r in results)
        vectors.backward(forward[0] + backward[0] + own_gradient)
        _set_rows(self.softmax_weight, sample.rows, forward[1] + backward[1])
        _set_rows(self.softmax_bias, sample.rows,
                  (forward[2] + backward[2]).unsqueeze(1))
        for d, gradients in enumerate((forward, backward)):
            own = [self.bag_maps[d], self.bag_biases[d],
                   *self.directions[d].parameters()]
            for parameter, gradient in zip(own, gradients[3:]):
                parameter.grad = gradient
        return ([r[0] for r in results],
                [own_loss, *(r[1] for r in results)],
                [r[2] for r in results])

    def _own_vectors(self, vectors: Tensor, words: np.ndarray, bag: BagTask
                     ) -> tuple[float, Tensor]:
        """The loss of reading each word's vector of the second task from its
        token vector, and its gradient by `vectors` [words, P]; sets .grad of
        word_map and word_bias. Every word counts once, however common."""
        known = torch.from_numpy(np.flatnonzero(words < self.vocabulary))
        leaf = vectors.clone().requires_grad_()
        loss = F.mse_loss(leaf[known] @ self.word_map + self.word_bias,
                          bag.word_vectors[torch.from_numpy(words)[known]])
        gradient, self.word_map.grad, self.word_bias.grad = \
            torch.autograd.grad(bag.share * loss,
                                [leaf, self.word_map, self.word_bias])
        return loss.item(), gradient

    @torch.no_grad()
    def evaluate(self, chunks: Sequence[DirectionChunk],
                 characters: np.ndarray, states: list[State]
                 ) -> tuple[list[float], list[int], list[State]]:
        """Summed full-softmax loss and word count of each direction."""
        words, places = _distinct([c.words for c in chunks])
        vectors = _ShardedVectors(self.char_cnn, characters[words],
                                  self._threads.run).value
        bias = self.softmax_bias[:, 0]

        def direction(d: int) -> tuple[float, int, State]:
            with torch.no_grad():
                outputs, state = self.directions[d](vectors[places[d]],
                                                    states[d])
                targets = self.targets(chunks[d].targets[chunks[d].counts])
                loss = full_loss(outputs[-1][chunks[d].counts], targets,
                                 self.softmax_weight, bias)
            return loss, len(targets), state

        results = self._threads.run(
            [lambda d=d: direction(d) for d in range(2)])
        return ([r[0] for r in results], [r[1] for r in results],
                [r[2] for r in results])


def _distinct(words: list[Tensor]) -> tuple[np.ndarray, list[Tensor]]:
    """The distinct ids of several tensors, and where each one's ids stand."""
    flat = np.concatenate([w.numpy().ravel() for w in words])
    distinct, inverse = np.unique(flat, return_inverse=True)
    sizes = np.cumsum([w.numel() for w in words])[:-1]
    parts = np.split(inverse.ravel(), sizes)
    return distinct, [torch.from_numpy(p).view(w.shape)
                      for p, w in zip(parts, words)]


def _set_rows(parameter: nn.Parameter, rows: Tensor, gradient: Tensor) -> None:
    parameter.grad = torch.sparse_coo_tensor(
        rows.unsqueeze(0), gradient, parameter.shape, is_coalesced=True,
        check_invariants=False)


class _ShardedVectors:
    """Token vectors of distinct words, short and long words apart: the cost of
    a convolution grows with the longest word beside it."""

    def __init__(self, cnn: CharCnn, ids: np.ndarray,
                 run: Callable[[Sequence[Callable]], list]):
        self._cnn, self._run = cnn, run
        lengths = word_lengths(ids)
        order = np.argsort(lengths, kind="stable")
        work = np.cumsum(lengths[order])
        half = int(np.searchsorted(work, work[-1] / 2))
        self._shards = [part for part in (order[:half], order[half:])
                        if len(part)]

        def compute(part: np.ndarray) -> Tensor:
            with torch.set_grad_enabled(grad):
                columns = cnn.columns_needed(int(lengths[part].max()))
                return cnn(torch.from_numpy(
                    ids[part, :columns].astype(np.int64)))

        grad = torch.is_grad_enabled()
        self._outputs = run([lambda p=p: compute(p) for p in self._shards])
        self._place = torch.from_numpy(np.argsort(np.concatenate(self._shards)))
        self.value = torch.cat(self._outputs).detach()[self._place]

    def backward(self, gradient: Tensor) -> None:
        """Sets .grad of the CNN's parameters from that of `value`."""
        parameters = list(self._cnn.parameters())
        shares = [gradient[torch.from_numpy(p)] for p in self._shards]
        results = self._run([
            lambda o=o, s=s: torch.autograd.grad(o, parameters, s)
            for o, s in zip(self._outputs, shares)])
        for parameter, *gradients in zip(parameters, *results):
            parameter.grad = sum(gradients[1:], start=gradients[0])
