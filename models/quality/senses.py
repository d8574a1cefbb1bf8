"""Word senses by the nearest sense average."""

from collections import Counter
from collections.abc import Sequence

import numpy as np


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def nearest_average_accuracy(
        train: np.ndarray, train_senses: Sequence[str],
        test: np.ndarray, test_senses: Sequence[str]) -> float:
    """Share of test vectors [n, D] whose most similar (cosine) average of the
    training vectors of a sense is that of their own sense."""
    names = sorted(set(train_senses))
    senses = np.array(train_senses)
    averages = np.stack([train[senses == n].mean(axis=0) for n in names])
    best = (_unit(test) @ _unit(averages).T).argmax(axis=1)
    return float(np.mean(np.array(names)[best] == np.array(test_senses)))


def most_frequent_accuracy(train_senses: Sequence[str],
                           test_senses: Sequence[str]) -> float:
    """The score of always answering the commonest training sense."""
    commonest = Counter(train_senses).most_common(1)[0][0]
    return sum(s == commonest for s in test_senses) / len(test_senses)
