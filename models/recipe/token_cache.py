"""The prepared corpus on disk: every distinct word once, the text as word ids.

Files of a cache folder:
  words.txt      distinct words, most frequent in the training text first
  characters.npy int16 [words, 50], their character ids
  train.npy, held_out_NAME.npy   int32, sentences as <S> words </S>
  cache.json     what it was made from
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recipe.characters import SENTENCE_BEGIN, SENTENCE_END, encode_words
from recipe.corpus import Document, is_held_out
from recipe.options import RecipeError

BEGIN_ID, END_ID, UNKNOWN_ID = 0, 1, 2
_SPECIAL = [SENTENCE_BEGIN, SENTENCE_END, "<UNK>"]
SPECIAL_WORDS = len(_SPECIAL)  # Ids below are no words of the text.
_PIECE_SENTENCES = 300
_JOINED_TOKENS = 120


@dataclass(frozen=True)
class Source:
    """One input file: how to read it, and how often to repeat it."""

    name: str
    documents: Callable[[], Iterable[Document]]
    held_out_share: float
    repeats: int = 1


@dataclass(frozen=True)
class Variation:
    """Makes a share of the training text like what callers send beside books:
    text without capitals, and paragraphs as one sentence."""

    lowercase_share: float = 0.0  # Of the pieces.
    joined_share: float = 0.0  # Of the sentences: to the one before.

    def apply(self, document: Document, draw: random.Random) -> Document:
        varied: Document = []
        lower = False
        for number, tokens in enumerate(document):
            if number % _PIECE_SENTENCES == 0:
                lower = draw.random() < self.lowercase_share
            if lower:
                tokens = [t.lower() for t in tokens]
            join = draw.random() < self.joined_share
            if join and varied and \
                    len(varied[-1]) + len(tokens) <= _JOINED_TOKENS:
                varied[-1] = varied[-1] + tokens
            else:
                varied.append(tokens)
        return varied


@dataclass
class _Encoder:
    """Gives each distinct word an id in order of appearance."""

    ids: dict[str, int] = field(default_factory=dict)

    def encode(self, document: Document) -> list[np.ndarray]:
        """The document in pieces of some hundred sentences."""
        pieces, flat = [], []
        for number, tokens in enumerate(document, 1):
            flat += [SENTENCE_BEGIN, *tokens, SENTENCE_END]
            if number % _PIECE_SENTENCES == 0 or number == len(document):
                ids = self.ids
                pieces.append(np.fromiter(
                    (ids.setdefault(w, len(ids)) for w in flat), np.int32,
                    len(flat)))
                flat = []
        return pieces


def build_cache(folder: Path, sources: list[Source], variation: Variation,
                seed: int, log: Callable[[str], None]) -> None:
    """Reads the sources and writes the cache. Pieces of the training text are
    put in a random order, so that any stretch of it is a fair sample; each
    repetition of a source is varied anew. Held-out text stays as it is."""
    encoder = _Encoder()
    draw = random.Random(seed)
    encoder.encode([_SPECIAL])
    train: list[np.ndarray] = []
    held_out: dict[str, list[np.ndarray]] = {}
    for source in sources:
        parts = held_out.setdefault(source.name, [])
        kept, documents, held_documents = [], 0, 0
        for document in source.documents():
            documents += 1
            if is_held_out(document, source.held_out_share):
                held_documents += 1
                parts += encoder.encode(document)
            else:
                for _ in range(source.repeats):
                    kept += encoder.encode(variation.apply(document, draw))
        if not kept:
            raise RecipeError(f"{source.name}: no text to train on")
        log(f"{source.name}: {documents} documents, {held_documents} held out; "
            f"{sum(map(len, kept)):,} tokens in {source.repeats} repetitions, "
            f"{sum(map(len, parts)):,} held out")
        train += kept
    draw.shuffle(train)
    _write(folder, encoder, np.concatenate(train), held_out)


def _write(folder: Path, encoder: _Encoder, train: np.ndarray,
           held_out: dict[str, list[np.ndarray]]) -> None:
    words = list(encoder.ids)
    counts = np.bincount(train, minlength=len(words))
    counts[[encoder.ids[s] for s in _SPECIAL]] = np.iinfo(np.int64).max
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(words), np.int32)
    rank[order] = np.arange(len(words), dtype=np.int32)
    words = [words[k] for k in order]
    np.save(folder / "characters.npy", encode_words(words))
    np.save(folder / "train.npy", rank[train])
    for name, parts in held_out.items():
        if parts:
            np.save(folder / f"held_out_{name}.npy",
                    rank[np.concatenate(parts)])
    text = "\n".join(words) + "\n"
    (folder / "words.txt").write_bytes(text.encode("utf-8", "ignore"))
    summary = {"train_tokens": len(train), "words": len(words),
               "held_out": {n: sum(map(len, p)) for n, p in held_out.items()}}
    # Last: its presence says that the cache is complete.
    (folder / "cache.json").write_text(json.dumps(summary, indent=1) + "\n")


def read_words(folder: Path) -> list[str]:
    """The distinct words of a cache folder, by id; RecipeError where it has
    none."""
    path = folder / "words.txt"
    try:
        return path.read_bytes().decode().split("\n")
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}") from error


@dataclass(frozen=True)
class TokenCache:
    """A prepared corpus, mapped from disk."""

    characters: np.ndarray
    train: np.ndarray
    held_out: dict[str, np.ndarray]

    @classmethod
    def load(cls, folder: Path) -> "TokenCache":
        def array(path: Path) -> np.ndarray:
            return np.load(path, mmap_mode="r")

        return cls(array(folder / "characters.npy"),
                   array(folder / "train.npy"),
                   {p.stem.removeprefix("held_out_"): array(p)
                    for p in sorted(folder.glob("held_out_*.npy"))})
