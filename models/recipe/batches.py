"""Cuts a text into parallel streams, and streams into chunks of time."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recipe.token_cache import BEGIN_ID, END_ID


def reverse_sentences(ids: np.ndarray) -> np.ndarray:
    """Each <S> ... </S> reversed in its own place, as the backward LSTM reads
    it; a cut sentence at either end is reversed within what is there."""
    begins = np.flatnonzero(ids == BEGIN_ID)
    if len(begins) == 0 or begins[0] != 0:
        begins = np.concatenate([[0], begins])
    ends = np.concatenate([begins[1:], [len(ids)]])
    lengths = ends - begins
    mirror = np.repeat(begins + ends - 1, lengths) - np.arange(len(ids))
    return ids[mirror]


@dataclass(frozen=True)
class DirectionChunk:
    """Words of one direction, time-major: input [T, B], the next word of each
    [T, B], where that is worth predicting (not across sentences), and the text
    with some words more before it, [before + T, B]."""

    words: Tensor
    targets: Tensor
    counts: Tensor
    with_before: Tensor


class Streams:
    """A text as B streams; chunk k holds T words of each, forward and backward.

    Stream b continues from chunk to chunk, so the LSTM state carries over; after
    the last chunk it starts again. `before`: how many words a chunk shows before its
    first; the first chunk begins as many words later.
    """

    def __init__(self, ids: np.ndarray, batch: int, steps: int,
                 before: int = 0):
        ids = np.asarray(ids)
        self._length = len(ids) // batch
        self.chunks = (self._length - 1 - before) // steps
        if self.chunks < 1:
            raise ValueError(
                f"{len(ids)} tokens are too few for {batch} streams of "
                f"{steps} steps")
        rows = ids[:self._length * batch].reshape(batch, self._length)
        self._forward = rows
        self._backward = np.stack([reverse_sentences(row) for row in rows])
        self._steps = steps
        self._before = before

    def chunk(self, number: int) -> tuple[DirectionChunk, DirectionChunk]:
        """Forward and backward; any number, counted round and round."""
        begin = number % self.chunks * self._steps
        return (self._cut(self._forward, begin, BEGIN_ID),
                self._cut(self._backward, begin, END_ID))

    def _cut(self, rows: np.ndarray, begin: int, start: int) -> DirectionChunk:
        part = torch.from_numpy(np.ascontiguousarray(
            rows[:, begin:begin + self._before + self._steps + 1].T, np.int64))
        words = part[self._before:]
        return DirectionChunk(words[:-1], words[1:], words[1:] != start,
                              part[:-1])
