"""One linear layer with softmax, trained on vectors: how much of a label can
be read off them directly."""

from collections.abc import Sequence

import numpy as np


class LinearProbe:
    """Softmax regression by Adam on standardised vectors.

    The defaults train it until more epochs change little: what is measured is
    the vectors, not the patience.
    """

    def __init__(self, epochs: int = 20, batch: int = 512, rate: float = 1e-2,
                 seed: int = 1):
        self._epochs, self._batch, self._rate = epochs, batch, rate
        self._random = np.random.default_rng(seed)

    def fit(self, vectors: np.ndarray, labels: Sequence[str]) -> None:
        """vectors [n, D]."""
        self._names, target = np.unique(np.asarray(labels), return_inverse=True)
        self._mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._scale = 1 / (vectors.std(axis=0, dtype=np.float64) + 1e-6)
        self._scale = self._scale.astype(np.float32)
        weight = np.zeros((vectors.shape[1] + 1, len(self._names)), np.float32)
        moments = np.zeros((2, *weight.shape), np.float32)
        steps = self._epochs * -(-len(vectors) // self._batch)
        step = 0
        for _ in range(self._epochs):
            order = self._random.permutation(len(vectors))
            for begin in range(0, len(order), self._batch):
                rows = order[begin:begin + self._batch]
                x = self._inputs(vectors[rows])
                gradient = self._softmax(x @ weight)
                gradient[np.arange(len(rows)), target[rows]] -= 1
                step += 1
                rate = self._rate * (1 - step / (steps + 1))
                _adam(weight, x.T @ gradient / len(rows), moments, step, rate)
        self._weight = weight

    def accuracy(self, vectors: np.ndarray, labels: Sequence[str]) -> float:
        right = 0
        for begin in range(0, len(vectors), 16384):
            x = self._inputs(vectors[begin:begin + 16384])
            found = self._names[(x @ self._weight).argmax(axis=1)]
            right += int(np.sum(
                found == np.asarray(labels[begin:begin + 16384])))
        return right / len(vectors)

    def _inputs(self, vectors: np.ndarray) -> np.ndarray:
        x = (vectors - self._mean) * self._scale
        return np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1)

    @staticmethod
    def _softmax(scores: np.ndarray) -> np.ndarray:
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)


def _adam(weight: np.ndarray, gradient: np.ndarray, moments: np.ndarray,
          step: int, rate: float) -> None:
    mean, square = moments
    mean += 0.1 * (gradient - mean)
    square += 0.001 * (gradient * gradient - square)
    corrected = np.sqrt(square / (1 - 0.999 ** step)) + 1e-8
    weight -= rate / (1 - 0.9 ** step) * mean / corrected
