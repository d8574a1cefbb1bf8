"""Character ids of words, as every ELMo program computes them.

Ids: byte + 1; 257 and 258 sentence begin and end; 259 and 260 word begin and
end; 261 padding. 0, the padding word, does not occur in training.
"""

from collections.abc import Sequence

import numpy as np

from recipe.options import MAX_CHARACTERS

SENTENCE_BEGIN, SENTENCE_END = "<S>", "</S>"
_SENTENCE_MARKS = {SENTENCE_BEGIN: 257, SENTENCE_END: 258}
_WORD_BEGIN, _WORD_END, PADDING = 259, 260, 261


def encode_words(words: Sequence[str]) -> np.ndarray:
    """Returns int16 [words, 50]."""
    ids = np.full((len(words), MAX_CHARACTERS), PADDING, np.int16)
    ids[:, 0] = _WORD_BEGIN
    for row, word in zip(ids, words):
        if word in _SENTENCE_MARKS:
            row[1], length = _SENTENCE_MARKS[word], 1
        else:
            data = word.encode("utf-8", "ignore")[:MAX_CHARACTERS - 2]
            length = len(data)
            row[1:length + 1] = np.frombuffer(data, np.uint8)
            row[1:length + 1] += 1
        row[length + 1] = _WORD_END
    return ids


def word_lengths(ids: np.ndarray) -> np.ndarray:
    """Characters of each word, word marks included; ids [words, 50]."""
    return (ids != PADDING).sum(axis=1)
